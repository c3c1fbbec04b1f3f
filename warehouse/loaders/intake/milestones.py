"""The points of a load at which a fault would hurt most, by name.

A load tells of each as it passes. Nothing listens, unless a trial kills the process there: see the tests of
kills. Belongs here: the names, in order. Does not belong here: any effect.
"""

from __future__ import annotations

MILESTONES = (
    "read", "parted", "landed", "begun", "versions written", "quarantined", "position kept", "accounted",
    "committed", "cleared", "deletions written", "finished",
)  # fmt: skip


def reached(name: str) -> None:
    """A load has come to this point."""
    assert name in MILESTONES
