"""A sign of life of a benchmark that works for long without a word.

Belongs here: only that. Does not belong here: what a benchmark has to say.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PROGRESS_SECONDS = 25


@contextmanager
def progress(name: str) -> Iterator[None]:
    """A line every 25 s, so that a watcher knows it lives."""
    done, began = threading.Event(), time.monotonic()

    def speak() -> None:
        while not done.wait(PROGRESS_SECONDS):
            print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)

    thread = threading.Thread(target=speak, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
