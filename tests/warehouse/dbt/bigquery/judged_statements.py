"""The statements dbt sends to BigQuery, judged by Google's analyzer against the tables they speak of.

Belongs here: what the judge must be told of tables. Does not belong here: which statements must pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tests.peers.zetasql import Refused, ZetaSql
from tests.warehouse.dbt.bigquery.two_engines import KINDS as BY_POSTGRES

KINDS = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
"""The names the REST interface gives to types that SQL calls otherwise."""
CONTRACT = BY_POSTGRES | {
    "STRING": "STRING", "INT64": "INT64", "pg_catalog.numeric": "BIGNUMERIC",
}  # fmt: skip
"""BigQuery's types by the names that contracts have once dbt has read them, for either engine."""
MADE = re.compile(r"create or replace table `(\w+)`\.`(\w+)`.*?\bas \(\n(.*)\)\s*;?\s*$", re.DOTALL)


def refusals(
    judge: ZetaSql, project: str, tables: Mapping[str, Mapping[str, str]], statements: Iterable[str]
) -> dict[str, str]:
    """What the analyzer says against each statement that it does not take.

    `tables` are columns and types by `dataset.table`, of those that stay. A table that is made on the way and
    dropped again gets its columns from the query that makes it, as the evaluator types it.
    """
    for name, columns in tables.items():
        judge.declare(name, {column: KINDS.get(kind, kind) for column, kind in columns.items()})
    found = {}
    for statement in statements:
        text = statement.replace(f"`{project}`.", "")
        try:
            judge.analyze(text)
            made = MADE.search(text)
            if made and f"{made[1]}.{made[2]}" not in tables:
                judge.make(f"{made[1]}.{made[2]}", f"select * from ({made[3]}) where false")
        except Refused as refused:
            found[statement] = str(refused).splitlines()[0]
    return found


def contract(node: Any) -> dict[str, str]:
    """A model's columns and their types in BigQuery, as its contract says."""
    return {name: CONTRACT[column.data_type] for name, column in node.columns.items()}
