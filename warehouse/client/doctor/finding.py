"""One result of one check.

Belongs here: the type. Does not belong: checks.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is in order, what was seen, and the step that mends it (or a hint)."""

    name: str
    is_ok: bool
    text: str
    mend: str | None = None


def fine(name: str, text: str, hint: str | None = None) -> Finding:
    return Finding(name, True, text, hint)


def problem(name: str, text: str, mend: str) -> Finding:
    return Finding(name, False, text, mend)
