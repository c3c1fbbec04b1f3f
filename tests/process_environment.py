"""The environment of the tests' own process, changed for a while.

Belongs here: setting variables and putting back what was there, whatever changed it. Does not belong here:
which variables a command reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Variables set inside; all of the environment as it was afterwards, since commands change it too."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
