"""The tables of schema `ml`: the one place where they are defined.

Belongs here: DDL of registry, predictions and drift, idempotent, and the partitions of one model. Does not
belong here: what is written into them (`ml.registry*`, `ml.score`, `ml.drift`), nor any statement about rows.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from ml.drift_functions import DRIFT_FUNCTIONS
from ml.prediction_tables import CALIBRATION_TABLE, DRIFT_TABLES, PREDICTION_TABLE
from ml.registry_tables import CONTEST_TABLE, IMMUTABLE, PARITY_TABLES, POSTGRES_ALONE, REGISTRY_TABLES
from ml.training_tables import TRAINING_TABLES
from warehouse.client import quote

if TYPE_CHECKING:
    from warehouse.client import Warehouse

MODEL_NAME = re.compile(r"[a-z][a-z0-9_]{0,45}")

_TABLES = (
    REGISTRY_TABLES, PARITY_TABLES, CONTEST_TABLE, PREDICTION_TABLE, CALIBRATION_TABLE, TRAINING_TABLES,
    DRIFT_TABLES,
)  # fmt: skip
_STATEMENTS = {
    "postgres": (
        REGISTRY_TABLES, POSTGRES_ALONE, IMMUTABLE, PARITY_TABLES, CONTEST_TABLE, PREDICTION_TABLE,
        CALIBRATION_TABLE, TRAINING_TABLES, DRIFT_TABLES, DRIFT_FUNCTIONS,
    ),
    "bigquery": _TABLES,
}  # fmt: skip
"""By engine. BigQuery has no triggers: `warehouse.client.rules` reads what they refuse; the translation
brings the distribution functions of drift.
"""


def _mark(wh: Warehouse) -> str:
    texts = "".join(_STATEMENTS[wh.dialect])
    return f"Registry, predictions and drift; definition {hashlib.sha256(texts.encode()).hexdigest()}"


def _is_current(wh: Warehouse) -> bool:
    return wh.description("ml") == _mark(wh)


def ensure_schema(wh: Warehouse) -> None:
    """Create what is missing of schema `ml`. Idempotent, and safe for two sessions at once.

    The schema's comment names the definition it was made by: where that is this one, no statement runs and no
    lock is taken, so that a reader of the registry never waits behind DDL that changes nothing.
    """
    if _is_current(wh):
        return
    # "if not exists" alone races: two sessions may both look before either creates.
    with wh.advisory_lock("ml.schema"), wh.transaction():
        if _is_current(wh):
            return
        wh.ensure_schema("ml")
        for statements in _STATEMENTS[wh.dialect]:
            wh.execute(statements)
        wh.describe(_mark(wh), "ml")


def ensure_model(wh: Warehouse, model_name: str) -> None:
    """Create the partitions `ml.prd_<model>` and `ml.mon_<model>` where missing; on BigQuery they are views.

    Raises:
        ValueError: the name is no lower-case identifier of at most 46 characters.
    """
    if not MODEL_NAME.fullmatch(model_name):
        allowed = "a lower-case letter, then letters, digits and _, at most 46 characters"
        raise ValueError(f"model name {model_name!r}: allowed is {allowed}. Rename the model's file.")
    ensure_schema(wh)
    partitions = (("prediction", "prd"), ("drift", "mon"))
    if all(wh.table_exists("ml", f"{prefix}_{model_name}") for _, prefix in partitions):
        return
    with wh.advisory_lock("ml.schema"), wh.transaction():
        for parent, prefix in partitions:
            if not wh.table_exists("ml", f"{prefix}_{model_name}"):
                part, whole = quote("ml", f"{prefix}_{model_name}"), quote("ml", parent)
                wh.execute(
                    f"create table {part} partition of {whole} for values in ('{model_name}')"
                    if wh.dialect == "postgres"
                    else f"create view {part} as select * from {whole} where model_name = '{model_name}'"
                )
