"""Work behind the endpoints: champion, features, score; in threads, within a deadline, at most so many at
once.

Belongs here: the two kinds of prediction and the limits on running work. Does not belong here: parsing
requests
(`serving.front`), loading champions (`serving.champions`), any statistics.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from serving.champions import Champions, fetch_features, table_of
from serving.link import WarehouseLink
from serving.problems import MAX_FINDINGS, Finding, Problem, shown

if TYPE_CHECKING:
    from ml.spec import ModelSpec
    from serving.champions import Champion
    from serving.schemas import Endpoint
    from warehouse.client import Settings

THREADS = 4
MAX_ACTIVE = 32
"""Requests running or waiting for a thread; one more is told to come back (429) instead of waiting without
end."""
DEADLINE_SECONDS = 10.0
FEW_ROWS = 32
"""So few rows are answered one by one, quicker than by making a table of them; the bits are the same."""


class Engine:
    """Answers predictions. One for a process; `run` is for the event loop, the rest for threads."""

    def __init__(self, specs: dict[str, ModelSpec], settings: Settings) -> None:
        self.link = WarehouseLink(settings)
        self.champions = Champions(specs, self.link)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="predict")
        self._active = 0
        self._count_lock = threading.Lock()

    async def run(self, work: Callable[[], Any], deadline: float = DEADLINE_SECONDS) -> Any:
        """`work` in a thread. Its place is freed when the work ends, not when the caller stops waiting for
        it.

        Raises:
            Problem: 429 where MAX_ACTIVE are at work, 504 past the deadline, and whatever `work` raises.
        """
        future = self._submit(work)
        waiting = asyncio.wrap_future(future)
        done, _ = await asyncio.wait({waiting}, timeout=deadline)
        if done:
            return waiting.result()
        future.cancel()  # takes it out of the queue; a thread already at work ends by itself
        raise Problem(
            504,
            "deadline_exceeded",
            f"No answer within {deadline:g} seconds.",
            "Send fewer rows at once, or try again shortly.",
        )

    def _submit(self, work: Callable[[], Any]) -> Future[Any]:
        with self._count_lock:
            if self._active >= MAX_ACTIVE:
                message = f"{MAX_ACTIVE} requests are at work; no more are taken at once."
                raise Problem(
                    429, "too_many_requests", message, "Try again shortly.", headers={"Retry-After": "1"}
                )
            self._active += 1
        try:
            future = self._pool.submit(work)
        except BaseException:
            self._release(None)
            raise
        future.add_done_callback(self._release)
        return future

    def _release(self, _: Future[Any] | None) -> None:
        with self._count_lock:
            self._active -= 1

    def answer_rows(self, endpoint: Endpoint, rows: list[Any]) -> dict[str, Any]:
        """The answer to rows of features, given as validated row models."""
        champion = self.champions.get(endpoint.spec.name)
        return answer(champion, endpoint, entries(champion, endpoint, [dict(row) for row in rows]))

    def answer_keys(self, endpoint: Endpoint, keys: list[str]) -> dict[str, Any]:
        """The answer to keys, their features read from the warehouse.

        Raises:
            Problem: 404 naming every key that is not in the model's feature tables; nothing is scored then.
        """
        spec = endpoint.spec
        champion = self.champions.get(spec.name)
        known = self.link.run(lambda wh: fetch_features(wh, spec, list(dict.fromkeys(keys))))
        unknown = [(index, key) for index, key in enumerate(keys) if key not in known]
        if unknown:
            raise unknown_keys(spec, unknown, endpoint.list_field)
        found = entries(champion, endpoint, [known[key] for key in keys])
        keyed = [{spec.key_column: key, **one} for key, one in zip(keys, found, strict=True)]
        return answer(champion, endpoint, keyed)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.link.close()


def unknown_keys(spec: ModelSpec, unknown: list[tuple[int, str]], list_field: str) -> Problem:
    """404 naming the keys."""
    named = ", ".join(shown(key) for _, key in unknown[:MAX_FINDINGS]) + (
        ", …" if len(unknown) > MAX_FINDINGS else ""
    )
    allowed = f"the {spec.key_column} of a {spec.entity} that stands in {', '.join(spec.feature_tables)}"
    findings = tuple(Finding(f"{list_field}[{index}]", shown(key), allowed) for index, key in unknown)
    return Problem(
        404,
        f"unknown_{spec.entity}",
        f"No {spec.entity} with {spec.key_column} {named} has features for {spec.name}; nothing was scored.",
        f"Send other keys, or the features themselves to /{spec.serving.path or spec.name}/predict.",
        findings,
    )


def entries(champion: Champion, endpoint: Endpoint, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the endpoint says of each row, in order."""
    return explanations(champion, rows) if endpoint.explains else predictions(champion, rows)


def explanations(champion: Champion, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Base, what each feature adds, and the margin they come to, of each row.

    Raises:
        Problem: 422 where the champion's margin is no sum over features.
    """
    from ml.document import DocumentError

    try:
        return [champion.predictor.explain(row) for row in rows]
    except DocumentError as error:
        raise Problem(
            422,
            "not_explainable",
            f"The champion of {champion.spec.name} cannot be explained by a sum over its features: {error}",
            "Ask for its prediction, or declare an algorithm whose margin is such a sum.",
        ) from error


def predictions(champion: Champion, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Margin and score (and class) of each row, in order."""
    columns = ["margin", "score", *(["is_positive"] if champion.spec.is_classification else [])]
    if len(rows) <= FEW_ROWS:
        found = champion.predictor.predict_rows(rows)
        found = [{name: one[name] for name in columns} for one in found]
    else:
        scored = champion.predictor.predict(table_of(champion.spec, rows))
        found = scored.select(columns).to_pylist()
    if any(one["score"] is None or not math.isfinite(one["score"]) for one in found):
        raise Problem(
            500,
            "score_not_finite",
            "The champion gave a score that is no finite number.",
            "Tell the operator the request id.",
        )
    return found


def answer(champion: Champion, endpoint: Endpoint, found: list[dict[str, Any]]) -> dict[str, Any]:
    """The body of a 200."""
    return {
        "model": champion.spec.name,
        "version": champion.version,
        "artifact_sha256": champion.predictor.sha256,
        "explanations" if endpoint.explains else "predictions": found,
    }
