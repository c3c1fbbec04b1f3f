"""All statements of BigQuery ML for one declared model, to be read: nothing is sent.

Belongs here: putting them together. Does not belong here: each one's text (`ml.bqml.statements`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.algorithms import candidates
from ml.bqml.options import is_trees
from ml.bqml.session import BigQueryMl, predicted_rows
from ml.bqml.statements import JUDGED, Model
from ml.indb.errors import InDatabaseError
from ml.indb.trainers.source import Source, source_of
from ml.training_set import SCHEMA

if TYPE_CHECKING:
    from ml.spec import ModelSpec
    from warehouse.client import Warehouse

BUCKET = "gs://bucket/folder"


def statements_of(wh: Warehouse, spec: ModelSpec) -> str:
    """The statements of the first candidate's fit on the whole window, and those that ask its model, as one
    script; on Postgres too, where they cannot run. Tables stand as `schema`.`table` of the house.

    Raises:
        InDatabaseError: neither the model nor its challenger declares `engine: bqml`, or the training set
            cannot be read.
        WarehouseError: the training set is not built.
    """
    chosen = next((one for one in spec.contenders().values() if one.engine == "bqml"), None)
    if chosen is None:
        raise InDatabaseError(
            f"model {spec.name}: no engine is 'bqml'; allowed: a declaration, or a challenger, with "
            "`engine: bqml`. Declare one in ml/models."
        )
    kinds = {one.name: one.kind for one in chosen.fitted_features}
    source = source_of(
        wh, (SCHEMA, f"trn_{chosen.name}"), chosen.key_column, chosen.date_column, kinds, chosen.task,
        chosen.cross_validation.folds,
    )  # fmt: skip
    session = BigQueryMl(wh, source, chosen.algorithm.name)
    params = next(candidates(chosen.algorithm))
    model, create = session.statement(session.prepared(params, None), params, None)
    head = f"-- {chosen.name} by BigQuery ML: {JUDGED}."
    return ";\n\n".join([f"{head}\n{create}", *_asking(model, source, chosen.algorithm.name)]) + ";\n"


def _asking(model: Model, source: Source, algorithm: str) -> list[str]:
    names = tuple(source.features)
    rows = predicted_rows(source, names)
    read = model.export(f"{BUCKET}/{model.name}") if is_trees(algorithm) else model.weights()
    return [
        f"-- What the document is imported from.\n{read}",
        f"-- What the document must say too.\n{model.predict(rows, names)}",
        f"-- BigQuery's own measures of the rows held out; gates judge the document.\n{model.evaluate()}",
        model.explain_predict(rows, names),
        model.feature_info(),
        f"-- The model goes when it is dropped.\n{model.drop()}",
    ]
