"""Limits on running work: places, deadline, and that a place is freed when the work ends."""

from __future__ import annotations

import asyncio
import threading

import pytest

from serving import engine as module
from serving.engine import Engine
from serving.problems import Problem


@pytest.fixture
def engine(settings):
    made = Engine({}, settings)
    yield made
    made.close()


def test_work_beyond_the_deadline_is_504_and_keeps_its_place_until_it_ends(engine, monkeypatch):
    monkeypatch.setattr(module, "MAX_ACTIVE", 1)
    release = threading.Event()

    async def scene():
        with pytest.raises(Problem) as late:
            await engine.run(release.wait, deadline=0.05)
        assert late.value.status == 504
        with pytest.raises(Problem) as full:
            await engine.run(lambda: 1)
        assert full.value.status == 429 and full.value.headers["Retry-After"]
        release.set()
        for _ in range(100):
            await asyncio.sleep(0.01)
            if engine._active == 0:
                break
        assert await engine.run(lambda: 7) == 7

    asyncio.run(scene())


def test_what_waits_in_the_queue_past_the_deadline_never_runs(engine):
    release, ran = threading.Event(), []

    async def scene():
        busy = [asyncio.create_task(engine.run(release.wait)) for _ in range(module.THREADS)]
        await asyncio.sleep(0.05)
        with pytest.raises(Problem, match="deadline_exceeded"):
            await engine.run(lambda: ran.append(1), deadline=0.05)
        release.set()
        await asyncio.gather(*busy)

    asyncio.run(scene())
    assert not ran and engine._active == 0


def test_a_failure_frees_its_place(engine):
    def fail():
        raise ValueError("x")

    with pytest.raises(ValueError):
        asyncio.run(engine.run(fail))
    assert engine._active == 0
