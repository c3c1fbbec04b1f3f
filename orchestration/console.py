"""The terminal the commands print to.

Belongs here: how wide and how plain it is. Does not belong: what is printed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

FILE_WIDTH = 120  # a file or a pipe has no width of its own; 80 would cut the tables short


def open_console() -> Console:
    """A console on the standard output as it is now, so that what libraries redirect later goes elsewhere."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else FILE_WIDTH)
