"""Does the warehouse hold what a model file declares?

Belongs here: the checks of tables, columns and types before a training set is built, and the kinds' types
in the database. Does not belong here: checks of the file itself (`ml.spec`) and of the rows
(`ml.training_set`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.feature_tables import keyed_tables

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from ml.spec import ModelSpec
    from warehouse.client import Warehouse

NUMBERS = frozenset({"smallint", "integer", "bigint", "real", "double precision", "numeric"})
TEXTS = frozenset({"text", "character varying", "character"})
WHOLE_NUMBERS = frozenset({"smallint", "integer", "bigint"})
INSTANT = frozenset({"timestamp with time zone"})
FEATURE_TYPES = {"number": NUMBERS, "boolean": frozenset({"boolean"}), "category": TEXTS | WHOLE_NUMBERS}
LABEL_TYPES = {"classification": frozenset({"boolean"}), "regression": NUMBERS}


class TrainingSetError(RuntimeError):
    """The training set cannot be built as declared; what stood before is untouched."""


def file_of(spec: ModelSpec) -> str:
    """How errors name the model's file."""
    return f"ml/models/{spec.name}.yml"


def check_warehouse(wh: Warehouse, spec: ModelSpec) -> None:
    """Raise TrainingSetError unless the declared engine is to be had, and every declared table and column is
    there, with a fitting type.
    """
    check_engine(wh, spec)
    label = spec.label
    have = _columns(wh, spec, label.table)
    wanted = [
        ("label.column", label.column, LABEL_TYPES[spec.task]),
        ("label.known_at", label.known_at, INSTANT),
        ("key_column", spec.key_column, None),
        ("date_column", spec.date_column, frozenset({"date"})),
    ]
    if label.where:
        wanted.append(("label.where", label.where, frozenset({"boolean"})))
    for field, column, types in wanted:
        _check_column(spec, f"field {field}", label.table, column, have, types)
    keyed = keyed_tables(spec)
    for column in dict.fromkeys(keyed.values()):
        _check_column(spec, "features, key", label.table, column, have, None)
    tables = {name: _columns(wh, spec, name) for name in spec.feature_tables}
    for name, there in tables.items():
        if name in keyed:
            _check_column(spec, "features, key", name, keyed[name], there, None)
        else:
            _check_column(spec, "field key_column", name, spec.key_column, there, None)
            _check_column(spec, "every feature table", name, "prediction_at", there, INSTANT)
        _check_column(spec, "every feature table", name, "known_at", there, INSTANT)
    for index, feature in enumerate(spec.features):
        field = f"field features[{index}], feature {feature.name!r}"
        types = FEATURE_TYPES[feature.kind]
        _check_column(spec, field, feature.table, feature.name, tables[feature.table], types)


def check_engine(wh: Warehouse, spec: ModelSpec) -> None:
    """Raise TrainingSetError where the declaration asks for BigQuery ML and the warehouse is another."""
    engines = {"engine": spec.engine, "challenger.engine": spec.challenger and spec.challenger.engine}
    for field, engine in engines.items():
        if engine == "bqml" and wh.dialect != "bigquery":
            raise TrainingSetError(
                f"{file_of(spec)}: field {field} is 'bqml' and the warehouse is on Postgres; allowed here: "
                "library, warehouse. BigQuery ML runs on BigQuery alone: declare another engine, or point "
                "STARHOUSE_WAREHOUSE_URL at bigquery://project/dataset."
            )


def _columns(wh: Warehouse, spec: ModelSpec, relation: str) -> dict[str, str]:
    schema, table = relation.split(".")
    types = wh.column_types(schema, table)
    if not types:
        raise TrainingSetError(
            f"{file_of(spec)}: the warehouse has no table {relation}. "
            "Build it first (starhouse run build), or name another table."
        )
    return {name: kind.partition("(")[0] for name, kind in types.items()}


def _check_column(
    spec: ModelSpec,
    field: str,
    relation: str,
    column: str,
    have: dict[str, str],
    types: AbstractSet[str] | None,
) -> None:
    if column not in have:
        raise TrainingSetError(
            f"{file_of(spec)}: {field}: table {relation} has no column {column!r}; "
            f"it has: {', '.join(have)}. Name one of these, or add the column and build again."
        )
    if types is not None and have[column] not in types:
        raise TrainingSetError(
            f"{file_of(spec)}: {field}: column {relation}.{column} is of type {have[column]}; "
            f"allowed: {', '.join(sorted(types))}."
        )
