"""A registered version, ready to answer: the one path from feature rows to answers, for batch scoring and for
the service.

Belongs here: loading a version (verified, cached by its address) and predicting an Arrow table. Does not
belong here: reading features from the warehouse (`ml.score`), HTTP (`serving`), and the arithmetic of a score
(`ml.document`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ml import artifact
from ml.document import Document, Evaluator
from ml.registry_artifact import artifact_content
from ml.registry_version import ModelVersion, RegistryError, champion, find_version

if TYPE_CHECKING:
    from ml.document.explain import Explainer
    from ml.spec import Feature, ModelSpec
    from warehouse.client import Warehouse

CACHED_ARTIFACTS = 16
_cache: OrderedDict[str, Evaluator] = OrderedDict()
_cache_lock = threading.Lock()


class NoChampionError(RegistryError):
    """No version of the model is in charge yet."""


def _evaluator(wh: Warehouse, sha256: str) -> Evaluator:
    # The address is the content's hash, so a cached object can never be a stale one.
    with _cache_lock:
        if sha256 in _cache:
            _cache.move_to_end(sha256)
            return _cache[sha256]
    evaluator = Evaluator(artifact.load_document(artifact_content(wh, sha256), sha256))
    with _cache_lock:
        _cache[sha256] = evaluator
        while len(_cache) > CACHED_ARTIFACTS:
            _cache.popitem(last=False)
    return evaluator


@lru_cache(maxsize=CACHED_ARTIFACTS)
def _explainer(evaluator: Evaluator) -> Explainer:
    from ml.document.explain import Explainer

    return Explainer(evaluator.document)


@dataclass(frozen=True)
class Predictor:
    """One loaded version. `spec` is the declaration it was trained with, whatever the model's file says
    today.
    """

    registered: ModelVersion
    spec: ModelSpec
    evaluator: Evaluator

    @classmethod
    def load(cls, wh: Warehouse, model: ModelSpec | str, version: int | None = None) -> Predictor:
        """The champion of a model (by name or declaration), or the version named.

        Raises:
            NoChampionError: no version was asked for and none is in charge.
            RegistryError: there is no such version, or its declaration is not understood any more.
            ArtifactError: the stored bytes are not those registered, or no document.
        """
        name = model if isinstance(model, str) else model.name
        found = champion(wh, name) if version is None else find_version(wh, name, version)
        if found is None:
            raise NoChampionError(
                f"model {name!r} has no champion. Train it and promote a version that passed its gates."
            )
        return cls(found, found.declaration(), _evaluator(wh, found.artifact_sha256))

    @property
    def features(self) -> tuple[Feature, ...]:
        return self.spec.features

    @property
    def document(self) -> Document:
        return self.evaluator.document

    @property
    def version(self) -> int:
        return self.registered.version

    @property
    def sha256(self) -> str:
        return self.registered.artifact_sha256

    @property
    def threshold(self) -> float | None:
        """The score from which a case is positive; None for regression."""
        return self.registered.threshold

    def predict(self, table: pa.Table) -> pa.Table:
        """Answers in the order of the rows: the key where the table has it, `margin` and `score` (float64,
        null only where the document has no answer: P(positive), or the label's unit) and `is_positive` (null
        for regression; decided on the margin). A row's answer has the same bits alone and in any batch.

        Raises:
            DocumentError: a feature is missing, or its column cannot be read as its kind.
        """
        answers = self.evaluator.table(table)
        columns: dict[str, Any] = {}
        if self.spec.key_column in table.column_names:
            columns[self.spec.key_column] = table.column(self.spec.key_column)
        columns["margin"] = pa.array(answers.margins[:, 0], pa.float64(), from_pandas=True)
        columns["score"] = pa.array(answers.scores[:, 0], pa.float64(), from_pandas=True)
        if self.threshold is None:
            columns["is_positive"] = pa.nulls(len(answers.decision), pa.bool_())
        else:
            columns["is_positive"] = pa.array(answers.decision == 1, pa.bool_(), mask=answers.decision < 0)
        return pa.table(columns)

    def explain(self, row: dict[str, Any]) -> dict[str, Any]:
        """Why one row (plain values by feature name) has its margin: `margin`, `base` and `contributions` by
        feature, which add up to the margin; exact path-dependent Shapley values for trees.

        Raises:
            DocumentError: the margin is no sum over features; names the node.
        """
        found = _explainer(self.evaluator).row(row)[0]
        return {name: found[name] for name in ("margin", "base", "contributions")}

    def predict_rows(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Answers to a few rows given as plain values by feature name, None for missing; the same bits as
        `predict`, without making a table.
        """
        found = []
        for row in rows:
            margins, scores, decision = self.evaluator.row(row)
            is_positive = None if self.threshold is None or decision < 0 else decision == 1
            found.append({"margin": margins[0], "score": scores[0], "is_positive": is_positive})
        return found
