"""The error of training inside the warehouse.

Belongs here: its type. Does not belong here: the checks that raise it.
"""

from __future__ import annotations


class InDatabaseError(ValueError):
    """Training in the warehouse was refused: names the column and the value, what is allowed, what to do."""
