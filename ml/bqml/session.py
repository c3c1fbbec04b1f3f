"""Fits by BigQuery ML: the statements are sent, and what they made comes back as a document.

A training runs as every other of the warehouse does: for each candidate and fold a model of BigQuery's, whose
document is scored by SQL, then the fit on the whole window. So a search costs one CREATE MODEL for each
candidate and fold, and one more. Belongs here: the order of statements and the check that the imported
document says what ML.PREDICT says. Does not belong here: their text (`ml.bqml.statements`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ml.bqml.columns import MIN_FREQUENCY, Prepared, linear_columns, tree_columns
from ml.bqml.exported import booster_document, booster_sizes
from ml.bqml.options import is_trees, options_of, stops_early
from ml.bqml.statements import Model, TrainingRows
from ml.bqml.weights import linear_document, sizes_of, weights_of
from ml.indb.errors import InDatabaseError
from ml.indb.trainers.encoding import shares_of
from ml.indb.trainers.registry import Fit
from ml.indb.trainers.scanned import Scanned
from ml.indb.training_plan import TrainingPlan
from ml.indb.work_statistics import WorkStatistics

if TYPE_CHECKING:
    from ml.document import Document
    from ml.indb.trainers.source import Source
    from warehouse.client import Warehouse

SAMPLE_ROWS = 1_000
TOLERANCE = {False: 1e-9, True: 1e-4}
"""How far a document's score may be from ML.PREDICT's, relative above 1: by whether it is of trees, which
XGBoost adds up as float32.
"""

FOLD_DAYS = 2


class BigQueryMl(Scanned):
    """Fits of one `algorithm`. `models`: the names of those that stay."""

    def __init__(self, wh: Warehouse, source: Source, algorithm: str) -> None:
        super().__init__(wh, source)
        self.wh, self.algorithm = wh, algorithm
        self.models: list[str] = []

    def prepared(self, params: Mapping[str, Any], fold: int | None) -> Prepared:
        """TRANSFORM's columns, from the rows that the fold trains on."""
        part, kinds = self.train(fold), self.source.features
        if is_trees(self.algorithm):
            return tree_columns(part, kinds)
        is_penalised = bool(params.get("l1_reg") or params.get("l2_reg"))
        least = int(params.get("min_frequency", MIN_FREQUENCY))
        return linear_columns(part, kinds, is_penalised=is_penalised, min_frequency=least)

    def fit(self, params: Mapping[str, Any], fold: int | None) -> Fit:
        """Train, import, check; a fold's model is dropped again, and goes by itself where that fails.

        Raises:
            InDatabaseError: the model cannot be imported as a document, or its document says something else
                than ML.PREDICT.
        """
        prepared = self.prepared(params, fold)
        model, create = self.statement(prepared, params, fold)
        self._native(create)
        labels = {"starhouse_model": model_name(self.source), "starhouse_fold": str(fold or "all")}
        self._native(model.label(labels, None if fold is None else FOLD_DAYS))
        document, sizes = self._imported(model, prepared)
        if fold is None:
            self._check(model, document)
            self.models.append(model.name)
        else:
            self._native(model.drop())
        how = f"by BigQuery ML as {model.path}"
        return Fit(document, shares_of(sizes, self.source.features), prepared.left_out, how)

    def statement(self, prepared: Prepared, params: Mapping[str, Any], fold: int | None) -> tuple[Model, str]:
        """The model and its CREATE MODEL; its name holds a hash of all that it follows from."""
        source = self.source
        options = options_of(self.algorithm, source.task, params)
        rows = TrainingRows(source, place_of(source), fold, stops_early(self.algorithm, params)).sql()
        transform = prepared.select(source.features)
        text = "\n".join([*transform, *map(str, options.items()), rows])
        tail = "" if fold is None else f"_f{fold}"
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        model = Model(f"mdl_{model_name(source)}__{digest}{tail}", source.task, source.features)
        return model, model.create(transform, options, rows)

    def _imported(self, model: Model, prepared: Prepared) -> tuple[Document, dict[str, float]]:
        origin = {
            "estimator": self.algorithm,
            "library": "BigQuery ML",
            "engine": "bqml",
            "model": model.path,
        }
        kinds, task = self.source.features, self.source.task
        if is_trees(self.algorithm):
            files = self._exported(model)
            document = booster_document(files, prepared, kinds, task, origin)
            return document, booster_sizes(files, prepared)
        weights, intercept = weights_of(self._native(model.weights()), prepared)
        document = linear_document(weights, intercept, prepared, kinds, task, origin)
        return document, sizes_of(weights, prepared)

    def _exported(self, model: Model) -> Mapping[str, bytes]:
        bucket = getattr(self.wh, "export_uri", None)
        if not bucket:
            raise InDatabaseError(
                f"{self.algorithm} of BigQuery ML leaves BigQuery only as files in a bucket, and the "
                "warehouse names none; allowed: a URL with export_uri=gs://bucket/folder. Add it, or declare "
                "an algorithm that is read by ML.WEIGHTS: linear, logistic."
            )
        folder = f"{bucket.rstrip('/')}/{model.name}"
        self._native(model.export(folder))
        return self.wh.read_folder(folder)

    def _check(self, model: Model, document: Document) -> None:
        """That the document says of rows of the test window what ML.PREDICT says."""
        names = document.input_names
        rows = predicted_rows(self.source, names)
        found = self._native(model.predict(rows, names))
        own = _inputs(found, self.source.features, names)
        agree(document, own, [row["score"] for row in found], is_trees(self.algorithm))

    def _native(self, text: str) -> list[dict[str, Any]]:
        rows = self.wh.run_googlesql(text)
        self.bytes_out += sum(len(str(value)) for row in rows for value in row.values())
        return rows


def agree(document: Document, rows: pa.Table, predicted: list[float], of_trees: bool) -> None:
    """Raise unless the document's scores are those predicted.

    Raises:
        InDatabaseError: names the first row that differs.
    """
    from ml.document import Evaluator

    if not predicted:
        raise InDatabaseError(
            "ML.PREDICT gave no row of the test window; allowed: at least one. Build the training set again."
        )
    own = Evaluator(document).table(rows).scores[:, 0]
    given = np.array([np.nan if one is None else one for one in predicted], dtype=np.float64)
    away = np.abs(own - given) / np.maximum(1.0, np.abs(given))
    wrong = np.flatnonzero(~(away <= TOLERANCE[of_trees]))
    if len(wrong):
        at = int(wrong[0])
        raise InDatabaseError(
            f"{len(wrong)} of {len(given)} rows: the imported document scores {float(own[at])!r} where "
            f"ML.PREDICT says {float(given[at])!r}; allowed: {TOLERANCE[of_trees]:g} apart. The model is not "
            "registered; compare ML.WEIGHTS and ML.FEATURE_INFO with the document."
        )


def predicted_rows(source: Source, names: tuple[str, ...]) -> str:
    """Rows of the test window as GoogleSQL: the features of the first by key."""
    from warehouse.client.dialect import BIGQUERY

    columns = ", ".join(map(BIGQUERY.name_of, names))
    return (
        f"select {columns} from {BIGQUERY.name_of(*place_of(source))} where split = 'test' "
        f"order by {BIGQUERY.name_of(source.key_column)} limit {SAMPLE_ROWS}"
    )


def _inputs(rows: list[dict[str, Any]], kinds: Mapping[str, str], names: tuple[str, ...]) -> pa.Table:
    """Rows as a document takes them: a category is text, whatever the column's type."""
    types = {"number": (float, pa.float64()), "boolean": (bool, pa.bool_()), "category": (str, pa.string())}
    columns = {}
    for name in names:
        read, kind = types[kinds[name]]
        columns[name] = pa.array([None if row[name] is None else read(row[name]) for row in rows], kind)
    return pa.table(columns)


def place_of(source: Source) -> tuple[str, str]:
    """Schema and table of the training set; their names are those of identifiers, so quotes part them."""
    schema, table = (part.strip('"') for part in source.table.split("."))
    return schema, table


def model_name(source: Source) -> str:
    return place_of(source)[1].removeprefix("trn_")


def refuse_engine(dialect: str) -> None:
    """Raise on a warehouse that has no BigQuery ML."""
    if dialect != "bigquery":
        raise InDatabaseError(
            f"engine is 'bqml' and the warehouse is {dialect!r}; allowed: BigQuery, where BigQuery ML runs. "
            "Declare `engine: warehouse` or `library`, or point STARHOUSE_WAREHOUSE_URL at BigQuery."
        )


def opened(algorithm: str) -> Callable[[Warehouse, Source, int, str], BigQueryMl]:
    """How a trainer of this algorithm is opened."""

    def open_(wh: Warehouse, source: Source, seed: int, way: str) -> BigQueryMl:
        refuse_engine(wh.dialect)
        return BigQueryMl(wh, source, algorithm)

    return open_


def planned(source: Source) -> TrainingPlan:
    """There is one way; what it costs `starhouse plan` says from dry runs."""
    reason = f"BigQuery ML trains on {source.rows:,} rows, once a candidate and fold"
    return TrainingPlan("bqml", "bqml", reason, True, (), WorkStatistics(source.rows, 0.0))


def work(params: Mapping[str, Any]) -> dict[str, Any]:
    """What the planner would ask for; it does not plan this."""
    return {"trainer": "bqml"}
