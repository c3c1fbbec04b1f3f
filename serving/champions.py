"""The champions the service answers with: loaded from the registry, verified, swapped when a promotion
happened.

Belongs here: which fitted object answers now, and a real example of it for the documentation. Does not
belong here:
promotion (`ml.registry`), artifact checks (`ml.artifact`), HTTP.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serving.problems import Problem

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.predictor import Predictor
    from ml.spec import ModelSpec
    from serving.link import WarehouseLink
    from warehouse.client import Warehouse

log = logging.getLogger("starhouse.serving")

POLL_SECONDS = 1.0
"""How long a champion is believed before the registry is asked again: a promotion is served within this
time."""


@dataclass(frozen=True)
class Champion:
    """One verified fitted object, and one real row of features with its key (None where there are none
    yet)."""

    spec: ModelSpec
    predictor: Predictor
    example: dict[str, Any] | None
    example_key: str | None

    @property
    def version(self) -> int:
        return self.predictor.version


def no_champion(name: str) -> Problem:
    return Problem(
        503,
        "no_champion",
        f"The model {name} has no champion: no version has been promoted.",
        f"The operator runs `starhouse train {name}`, then `starhouse promote {name}`.",
        headers={"Retry-After": "10"},
    )


def unusable(name: str) -> Problem:
    return Problem(
        503,
        "champion_unusable",
        f"The champion of {name} cannot be used: its artifact or its features do not fit the registry.",
        f"The operator reads the service's log, then runs `starhouse rollback {name}` or trains it anew.",
        headers={"Retry-After": "10"},
    )


def fetch_features(wh: Warehouse, spec: ModelSpec, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Feature rows by key, those that the warehouse knows, in one parameterised query."""
    from ml.feature_query import feature_sql
    from warehouse.client import quote

    key = quote(spec.key_column)
    sql = f"select * from ({feature_sql(spec)}) as known where {key} = any(%(keys)s)"
    return {row[spec.key_column]: row for row in wh.query(sql, {"keys": list(keys)})}


def example_row(wh: Warehouse, spec: ModelSpec) -> dict[str, Any] | None:
    """A real row of features: the first key of the test window's first day, else of the last day there is."""
    from ml.feature_query import feature_sql
    from ml.feature_tables import entity_tables
    from warehouse.client import quote

    table, date = quote(*entity_tables(spec)[0].split(".")), quote(spec.date_column)
    last = wh.scalar(f"select max({date}) from {table}")
    for day in (spec.split.test_start, last) if last else ():
        rows = wh.query(f"{feature_sql(spec, day, day)} order by 1 limit 1")
        if rows:
            return rows[0]
    return None


def table_of(spec: ModelSpec, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """The declared features of `rows` as the Arrow table that every predictor takes."""
    from ml.feature_frame import rows_to_table

    return rows_to_table(spec.features, [{name: row[name] for name in spec.feature_names} for row in rows])


def _check_features(spec: ModelSpec, predictor: Predictor) -> None:
    """The endpoint's rows are made from today's declaration; the champion may have been fitted to an older
    one."""
    declared = [(feature.name, feature.kind) for feature in spec.features]
    fitted = [(feature.name, feature.kind) for feature in predictor.features]
    if declared != fitted:
        changed = sorted({name for name, _ in set(declared) ^ set(fitted)}) or "their order"
        raise ValueError(
            f"the declared features differ from those it was fitted to: {changed}; train it anew"
        )


class Champions:
    """The current champion of each model. Safe from several threads; one load at a time for a model."""

    def __init__(
        self, specs: dict[str, ModelSpec], link: WarehouseLink, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._specs, self._link, self._poll_seconds = specs, link, poll_seconds
        self._loaded: dict[str, Champion] = {}
        self._asked_at: dict[str, float] = {}
        self._locks = {name: threading.Lock() for name in specs}

    def get(self, name: str) -> Champion:
        """The champion of `name`, at most `poll_seconds` behind the registry.

        Raises:
            Problem: 503 where the warehouse is gone, no version is champion, or the champion's artifact is
            refused.
        """
        with self._locks[name]:
            fresh = time.monotonic() - self._asked_at.get(name, -1e9) < self._poll_seconds
            if fresh and name in self._loaded:
                return self._loaded[name]
            # Forgotten first: if the registry cannot be asked, an older version must not answer as if it
            # were champion.
            known = self._loaded.pop(name, None)
            champion = self._link.run(lambda wh: self._current(wh, name, known))
            self._loaded[name], self._asked_at[name] = champion, time.monotonic()
            return champion

    def _current(self, wh: Warehouse, name: str, known: Champion | None) -> Champion:
        from ml import registry

        now = registry.champion(wh, name)
        if now is None:
            raise no_champion(name)
        if known and (known.version, known.predictor.sha256) == (now.version, now.artifact_sha256):
            return known
        return self._load(wh, name, now.version)

    def _load(self, wh: Warehouse, name: str, version: int) -> Champion:
        from ml.predictor import Predictor
        from warehouse.client import WarehouseError

        spec = self._specs[name]
        try:
            predictor = Predictor.load(wh, spec, version)
            _check_features(spec, predictor)
            row = example_row(wh, spec)
            if row:
                predictor.predict(table_of(spec, [row]))  # an object that cannot score is not ready to serve
        except WarehouseError:
            raise
        except Exception as error:
            log.error("%s version %s refused: %s: %s", name, version, type(error).__name__, error)
            raise unusable(name) from error
        log.info("%s: version %s serves now (artifact %s)", name, version, predictor.sha256[:12])
        example = {feature: row[feature] for feature in spec.feature_names} if row else None
        return Champion(spec, predictor, example, row[spec.key_column] if row else None)

    def states(self) -> dict[str, dict[str, Any]]:
        """By model: ready with its version, or the code and sentence of what stands in the way."""
        found: dict[str, dict[str, Any]] = {}
        for name in self._specs:
            try:
                champion = self.get(name)
                found[name] = {
                    "is_ready": True,
                    "version": champion.version,
                    "artifact_sha256": champion.predictor.sha256,
                }
            except Problem as problem:
                found[name] = {"is_ready": False, "code": problem.code, "message": problem.message}
        return found

    def loaded(self) -> dict[str, Champion]:
        """What is loaded at this moment; asks nobody."""
        return dict(self._loaded)
