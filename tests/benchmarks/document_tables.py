"""Rows in a database of their own, and what a SELECT of them answers, for the benchmarks of documents.

Belongs here: the database, storing rows, running a SELECT. Does not belong here: any model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter

import numpy as np
import pyarrow as pa

from warehouse.client import Warehouse, load_settings, open_warehouse, quote

KEY = "id"
ANSWER = "answer"


@contextmanager
def bench_database(name: str) -> Iterator[Warehouse]:
    """An open warehouse on a database of this name, dropped at the end."""
    try:
        with open_warehouse(replace(load_settings(), database=name)) as wh:
            yield wh
    finally:
        with open_warehouse(load_settings()) as wh:
            wh.execute(f"drop database if exists {quote(name)} with (force)")


def arrow_rows(rows: np.ndarray, names: Sequence[str]) -> pa.Table:
    """The key from 0 and a float64 column a name, NaN as null."""
    columns = {name: pa.array(rows[:, place], from_pandas=True) for place, name in enumerate(names)}
    return pa.table({KEY: pa.array(np.arange(len(rows)), pa.int64()), **columns})


def store(wh: Warehouse, table: str, rows: pa.Table) -> None:
    """A table of `public` with these rows, its statistics taken."""
    wh.load_arrow("public", table, rows, "replace")
    wh.execute(f"vacuum analyze {quote(table)}")


def answer_table(wh: Warehouse, select: str, seconds: float = 300.0) -> float:
    """Write a SELECT's rows to an unlogged table `answer`; the seconds it took.

    Raises:
        WarehouseError: the server does not take the SELECT, fails on a row, or works longer than `seconds`.
    """
    wh.execute(f"drop table if exists {ANSWER}")
    wh.execute(f"set statement_timeout = {int(seconds * 1000)}")
    try:
        began = perf_counter()
        wh.execute(f"create unlogged table {ANSWER} as {select}")
        return perf_counter() - began
    finally:
        wh.execute("set statement_timeout = 0")


def answers(wh: Warehouse) -> pa.Table:
    """The rows of the table `answer`, in the order of the key."""
    return wh.fetch_arrow(f"select * from {ANSWER} order by {KEY}")
