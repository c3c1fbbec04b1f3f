"""The one query that reads a model's features: training set, scoring, drift and the service all select from
it.

Belongs here: SQL text over the feature tables of a declaration. Does not belong here: labels and splits
(`ml.training_set`), running the query, or any change of a feature's value (inside the fitted object).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from ml.feature_tables import entity_tables, keyed_tables
from warehouse.client import quote

if TYPE_CHECKING:
    from ml.spec import ModelSpec

# What `ml.feature_frame` expects of each kind; NUMERIC would leave the warehouse as decimal text.
SQL_TYPES = {"number": "double precision", "boolean": "boolean", "category": "text"}


def _date_literal(value: dt.date, name: str) -> str:
    # Arrow streams take no bound parameters, so only a real date, written by Python itself, may stand in the
    # text.
    if type(value) is not dt.date:
        raise TypeError(
            f"{name}: received {value!r}; allowed is a datetime.date. Convert it before the call."
        )
    return f"date '{value.isoformat()}'"


def feature_sql(spec: ModelSpec, start: dt.date | None = None, end: dt.date | None = None) -> str:
    """A SELECT with one row per entity that stands in every feature table of the model.

    Columns: the key, the date, `prediction_at` (the latest of the tables' at the entity's grain: the moment
    at which all features are known), `known_at` (the latest of all tables'), then every feature in the order
    of the declaration, cast by kind. Tables at a dimension's grain are found by a column of the label's
    fact, of which nothing else is read. `start` and `end` are local dates, both inclusive, None for open. No
    order by: order is the reader's affair.
    """
    keyed = keyed_tables(spec)
    tables = {table: f"t{number}" for number, table in enumerate((*entity_tables(spec), *keyed))}
    aliases = list(tables.values())
    first, key, date = aliases[0], quote(spec.key_column), quote(spec.date_column)
    columns = [f"{first}.{key}", f"{first}.{date}"]
    for instant in ("prediction_at", "known_at"):
        having = aliases if instant == "known_at" else aliases[: len(aliases) - len(keyed)]
        several = ", ".join(f"{alias}.{instant}" for alias in having)
        columns.append(f"greatest({several}) as {instant}" if len(having) > 1 else f"{first}.{instant}")
    for feature in spec.features:
        column = quote(feature.name)
        columns.append(f"cast({tables[feature.table]}.{column} as {SQL_TYPES[feature.kind]}) as {column}")
    lines = ["select", "    " + ",\n    ".join(columns)]
    for table, alias in tables.items():
        relation = quote(*table.split("."))
        if alias == first:
            lines.append(f"from {relation} as {alias}")
        elif table not in keyed:
            lines.append(f"join {relation} as {alias} on {alias}.{key} = {first}.{key}")
    if keyed:
        fact = quote(*spec.label.table.split("."))
        lines.append(f"join {fact} as fact on fact.{key} = {first}.{key}")
    for table, column in keyed.items():
        alias, name = tables[table], quote(column)
        lines.append(f"join {quote(*table.split('.'))} as {alias} on {alias}.{name} = fact.{name}")
    bounds = []
    if start is not None:
        bounds.append(f"{first}.{date} >= {_date_literal(start, 'start')}")
    if end is not None:
        bounds.append(f"{first}.{date} <= {_date_literal(end, 'end')}")
    if bounds:
        lines.append("where " + " and ".join(bounds))
    return "\n".join(lines)
