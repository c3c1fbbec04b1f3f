"""An iterator that works in a thread of its own, a few items ahead of who reads it.

Belongs here: handing on items, errors and the end. Does not belong here: what the items are.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

LOOK_SECONDS = 0.1
"""So often a thread that waits for room looks whether anybody still reads."""

END = object()


def ahead(items: Iterable[T], depth: int = 1) -> Iterator[T]:
    """The items in their order, made in another thread, up to `depth` of them waiting and one in the making.
    An error of theirs is raised where it would have been; who stops reading early stops the thread, which
    is waited for.
    """
    waiting: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(depth)
    is_over = threading.Event()

    def put(item: Any, error: BaseException | None = None) -> bool:
        while not is_over.is_set():
            try:
                waiting.put((item, error), timeout=LOOK_SECONDS)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    getattr(items, "close", int)()  # what it reads from is given back now
                    return
            put(END)
        except BaseException as error:
            put(END, error)

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is END:
                return
            yield item
    finally:
        is_over.set()
        thread.join()
