"""The fingerprint of a table's content, computed where the rows are, the same in every engine.

Belongs here: the text of a row, and the sum of its hashes. Does not belong here: which table, and why
(`ml.training_set`).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from warehouse.client import quote

if TYPE_CHECKING:
    from warehouse.client import Warehouse

FAMILIES = {
    "smallint": "whole", "integer": "whole", "bigint": "whole", "real": "double",
    "double precision": "double", "character varying": "text", "character": "text",
}  # fmt: skip
"""Types that hold the same values have one name; others keep Postgres' own."""

SHOWN = dict.fromkeys(
    ("whole", "boolean", "date", "text", "timestamp with time zone", "timestamp without time zone"), "{x}"
) | {"double": "{x}::double precision", "numeric": "trim_scale({x})"}
"""How a value stands in a row, so that engines show it alike; others as text."""

WORDS = (1, 16, 31, 46)
"""Where the parts of a sha256 begin, each of 15 digits: a whole number that both engines hold."""


def content_hash(wh: Warehouse, schema: str, table: str) -> tuple[str, tuple[str, ...]]:
    """Fingerprint of a table's columns and rows, computed in the database; and the column names.

    Each row's text (Postgres' own of a row) is hashed by sha256, and the hashes are added up as whole numbers
    of 60 bits: the same rows give the same sum in whatever order, and a change of any value, kind of value,
    column name or number of rows gives another.
    """
    types = {name: kind.partition("(")[0] for name, kind in wh.column_types(schema, table).items()}
    columns = {name: FAMILIES.get(kind, kind) for name, kind in types.items()}
    shown = ", ".join(
        SHOWN.get(kind, "{x}::text").format(x=f"t.{quote(name)}") for name, kind in columns.items()
    )
    words = ", ".join(
        f"sum(('x' || substr(digest, {first}, 15))::bit(60)::bigint) as word_{number}"
        for number, first in enumerate(WORDS)
    )
    sql = f"""select count(*) as rows, {words} from (
                  select encode(sha256(convert_to(row({shown})::text, 'UTF8')), 'hex') as digest
                  from {quote(schema, table)} as t
              ) as hashed"""
    sums = {name: None if value is None else str(int(value)) for name, value in wh.query(sql)[0].items()}
    content = json.dumps([[[*column] for column in columns.items()], sums], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest(), tuple(columns)
