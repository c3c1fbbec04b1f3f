"""An iterator in a thread of its own: the same items and errors, and no thread that outlives its reader."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from ml.document.ahead import ahead


def threads() -> int:
    return sum(thread.name == "ahead" for thread in threading.enumerate())


def test_items_come_in_their_order_from_another_thread():
    seen = []
    items = ahead((seen.append(threading.get_ident()) or number for number in range(50)), 3)
    assert list(items) == list(range(50))
    assert set(seen) != {threading.get_ident()} and len(set(seen)) == 1
    assert threads() == 0


def test_an_error_comes_after_the_items_before_it():
    def failing():
        yield 1
        raise KeyError("second")

    items = ahead(failing())
    assert next(items) == 1
    with pytest.raises(KeyError, match="second"):
        next(items)
    assert threads() == 0


def test_who_stops_reading_stops_the_thread_and_no_more_is_made_than_may_wait():
    made = []
    with closing(ahead((made.append(number) or number for number in range(1_000)), 2)) as items:
        assert next(items) == 0
    assert threads() == 0
    assert len(made) <= 5
