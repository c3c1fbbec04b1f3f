"""A declaration that cannot work is refused when it is made, naming what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from warehouse.loaders import LOADERS, LoadError
from warehouse.loaders.declaration import Column, Source, Table


def table(**changes) -> Table:
    values = {
        "name": "orders", "file": "orders.csv", "columns": (Column("order_id", "integer"),),
        "key": ("order_id",), "derive": lambda rows, read: rows, "describe": "One row per order.",
    }  # fmt: skip
    return Table(**{**values, **changes})


@pytest.mark.parametrize("name", ["OrderId", "order id", "2nd", "a__b", "_id", "drop table x", ""])
def test_names_that_dlt_would_rewrite_are_refused(name):
    for make in (
        lambda: Column(name, "text"),
        lambda: table(name=name),
        lambda: Source(name, (), lambda: Path()),
    ):
        with pytest.raises(LoadError, match="snake_case"):
            make()


def test_an_unknown_type_is_refused():
    with pytest.raises(LoadError, match=r"order_id.*Received: money\..*Allowed: integer, number, text"):
        Column("order_id", "money")


@pytest.mark.parametrize(
    "changes",
    [
        {"key": ()},
        {"key": ("other",)},
        {"columns": (Column("order_id", "text"), Column("order_id", "integer"))},
    ],
)
def test_a_key_must_be_of_declared_columns(changes):
    with pytest.raises(LoadError, match="key"):
        table(**changes)


def test_every_registered_loader_carries_its_sources_name():
    assert all(name == loader.source.name for name, loader in LOADERS.items())
    assert all(
        table.describe.startswith("One row per") for x in LOADERS.values() for table in x.source.tables
    )


def test_a_long_value_is_shortened_in_an_error():
    error = LoadError("x", value="v" * 5000, allowed="a", next_step="n")
    assert len(str(error)) < 300
