"""Declarations for the tests of the intake, and batches in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from warehouse.loaders.intake.batch import Batch
from warehouse.loaders.intake.declared import DATA_TYPES, DeclaredColumn, DeclaredSource, DeclaredTable


def columns(text: str) -> tuple[DeclaredColumn, ...]:
    """`"order_id bigint, paid_at timestamptz"` as columns."""
    made = []
    for part in text.split(", "):
        name, sql_type = part.strip().split(" ", 1)
        kind = "decimal" if sql_type.startswith("numeric") else DATA_TYPES[sql_type]
        made.append(DeclaredColumn(name, kind, sql_type))
    return tuple(made)


def source(kind: str = "files", **tables: DeclaredTable) -> DeclaredSource:
    return DeclaredSource("shop", kind, None, tuple(tables.values()))


def orders(**changes: Any) -> DeclaredTable:
    """Orders: a snapshot with key order_id."""
    declared = "order_id bigint, customer text, amount numeric(10,2), paid_at timestamptz"
    values: dict[str, Any] = {
        "name": "orders", "columns": columns(declared), "read": "orders", "key": ("order_id",), **changes,
    }  # fmt: skip
    return DeclaredTable(**values)


def batch(rows: Sequence[dict[str, Any]], first: int = 0, **resume: str) -> Batch:
    return Batch(list(rows), [f"row {first + at + 1}" for at in range(len(rows))], resume)


def order(
    order_id: Any = 1, customer: Any = "ada", amount: Any = "9.50", paid_at: Any = None
) -> dict[str, Any]:
    return {"order_id": order_id, "customer": customer, "amount": amount, "paid_at": paid_at}
