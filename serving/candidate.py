"""A version that is not champion yet, asked over the service's own HTTP stack, in this process.

Belongs here: the surface that the parity check compares, from the JSON of a request to the JSON of its
answer, through the same front, schemas and handlers as a running service, without a socket. Does not belong
here: the comparison (`ml.document.parity`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document import Answers
from serving.champions import Champion
from serving.engine import Engine

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.document.parity import Surface
    from ml.predictor import Predictor


class _Candidate:
    """Stands where the champions stand: the one version, whatever the registry says."""

    def __init__(self, champion: Champion) -> None:
        self._champion = champion

    def get(self, name: str) -> Champion:
        return self._champion

    def states(self) -> dict[str, dict[str, Any]]:
        return {self._champion.spec.name: {"is_ready": True, "version": self._champion.version}}

    def loaded(self) -> dict[str, Champion]:
        return {self._champion.spec.name: self._champion}


@contextmanager
def http_surface(predictor: Predictor) -> Iterator[Surface]:
    """A function that answers rows by POST to the version's own endpoint.

    It raises RuntimeError with the service's own words where an answer is not 200.
    """
    from starlette.testclient import TestClient

    from serving.service import Surface, build

    spec = predictor.spec

    class CandidateEngine(Engine):
        def __init__(self, specs: Any, settings: Any) -> None:
            super().__init__(specs, settings)
            self.champions = _Candidate(Champion(spec, predictor, None, None))

    service = build({spec.name: spec}, CandidateEngine)
    standing = Surface.running
    try:
        with _own_measures(), TestClient(service.to_asgi()) as client:
            yield lambda table: _answers(client, predictor, table)
    finally:
        Surface.running = standing


@contextmanager
def _own_measures() -> Iterator[None]:
    """Give the app measures of its own: a process registers each name once, and a service may run here."""
    from bentoml._internal.configuration.containers import BentoMLContainer
    from bentoml._internal.server.metrics.prometheus import PrometheusClient
    from prometheus_client import CollectorRegistry

    client = PrometheusClient(multiproc=False)
    client._registry = CollectorRegistry()
    with BentoMLContainer.metrics_client.patch(client):
        yield


def _answers(client: Any, predictor: Predictor, table: pa.Table) -> Answers:
    spec, found = predictor.spec, []
    rows = table.to_pylist()
    for start in range(0, len(rows), spec.serving.max_batch):
        body = json.dumps({"rows": [_plain(row) for row in rows[start : start + spec.serving.max_batch]]})
        reply = client.post(
            f"/{spec.endpoint}/predict", content=body, headers={"content-type": "application/json"}
        )
        if reply.status_code != 200:
            raise RuntimeError(f"the service said {reply.status_code}: {reply.text[:500]}")
        found += reply.json()["predictions"]
    margins, scores = (np.array([row[name] for row in found], float) for name in ("margin", "score"))
    decision = [int(row.get("is_positive", -1)) for row in found]
    return Answers(margins[:, None], scores[:, None], np.array(decision, dtype=np.int64))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """NaN as null: JSON has no NaN, and both mean a missing number."""
    return {name: None if value != value else value for name, value in row.items()}
