"""What sums, groups, joins and exports cost on this server: measured on rows made for it.

Belongs here: the measurements, by the code that trains. Does not belong here: keeping them
(`ml.indb.unit_costs`), or what follows from them (`ml.indb.way_costs`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ml.document.work_tables import WORK_SCHEMA, new_name, prepare
from ml.indb.cofactor_scan import measure
from ml.indb.columns import Category, Number
from ml.indb.exported_cofactors import measure_exported
from warehouse.client import quote

if TYPE_CHECKING:
    from warehouse.client import Warehouse

ROWS = 50_000
LIBRARY_ROWS = 10_000
EXACT_SIZES = (8, 64)
LIBRARY_SIZES, LIBRARY_FOLDS, LIBRARY_PENALTIES = (8, 64), 5, 50
KEYS = 1_000
NUMBERS = tuple(f"x{at}" for at in range(16))
SUMS = len(NUMBERS) * (len(NUMBERS) + 3) // 2
"""Of sixteen numbers and of their products."""
REPEATS = 3
"""The quickest of so many: what disturbs a measurement only ever adds to it."""
PRIME = 1_103_515_245
LEAST = 1e-11
"""Seconds that a step costs at least: a difference of two measurements may come out below 0."""

Costs = dict[str, float]

MADE = """
create unlogged table {table} as
select i as id, mod(i * 7919, {keys})::int as k, 'v' || mod(i * 31, 20) as c, 'w' || mod(i * 17, 20) as d,
    {numbers}
from generate_series(0, {rows} - 1) as i
"""


@contextmanager
def made_rows(wh: Warehouse) -> Iterator[str]:
    """A short-lived table of rows: id, key k, texts c and d, sixteen doubles of three decimals."""
    prepare(wh)
    table = quote(WORK_SCHEMA, new_name("calibration"))
    numbers = ", ".join(
        f"(mod(mod(i::bigint * {PRIME + 7919 * at} + {at}, 2147483647), 10007) / 1000.0)::float8 as {name}"
        for at, name in enumerate(NUMBERS)
    )
    wh.execute(MADE.format(table=table, keys=KEYS, rows=ROWS, numbers=numbers))
    try:
        wh.execute(f"analyze {table}")
        yield table
    finally:
        wh.execute(f"drop table if exists {table}")


def quickest(work: Callable[[], Any]) -> float:
    """Seconds of the quickest of a few runs."""
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def of_sums(wh: Warehouse, table: str) -> Costs:
    """Seconds of one process: `statement_sum` of a sum over one row; for each row `row`, `value` a number,
    `product` a product of two, `wide_value` and `wide_product` of NUMERIC, `set` a grouping of categories,
    `group` one by a key, `new_group` where it makes a group, `join` with one dimension. `sum_bytes`: what a
    sum takes on its way out. `parallel_gain`: how many times as fast all processes are that this server gives
    a query.
    """
    with wh.transaction():
        wh.execute("set local max_parallel_workers_per_gather = 0")
        one_row = f"(select * from {table} limit 1)"
        begun = quickest(lambda: measure(wh, one_row, _declared(len(NUMBERS), 3)))
        costs = {"statement_sum": begun / SUMS}
        costs |= _numbers(wh, table) | _groups(wh, table)
    sums = measure(wh, table, _declared(len(NUMBERS), 3))
    return costs | {"sum_bytes": sums.bytes_out / SUMS, "parallel_gain": _gain(wh, table)}


def _numbers(wh: Warehouse, table: str) -> Costs:
    found = {"row": quickest(lambda: wh.scalar(f"select count(*) from {table}")) / ROWS}
    for prefix, decimals, sizes in (("", 3, (2, 16)), ("wide_", None, (2, 8))):
        seconds = []
        for declared in (_declared(many, decimals) for many in sizes):
            all_rows = quickest(lambda these=declared: measure(wh, table, these))
            # Writing and planning the statement grows with the products too, but not with the rows.
            one_row = quickest(lambda these=declared: measure(wh, f"(select * from {table} limit 1)", these))
            seconds.append((all_rows - one_row) / ROWS - found["row"])
        value, product = parts_of(sizes, seconds)
        found |= {f"{prefix}value": value, f"{prefix}product": product}
    return found


def parts_of(sizes: tuple[int, int], seconds: list[float]) -> tuple[float, float]:
    """What a column and what a product of two takes, where `seconds` are of fewer and of more columns.

    Neither can be less than nothing: the sizes' own times bound what the other may be.
    """
    (few, many), (less, more) = sizes, seconds
    one, two = few * (few + 1) / 2, many * (many + 1) / 2
    product = (more - less * many / few) / (two - one * many / few)
    product = min(max(product, LEAST), max(more / two, LEAST))
    return max((more - two * product) / many, LEAST), product


def _declared(many: int, decimals: int | None) -> list[Number]:
    return [Number(name, decimals, None if decimals is None else 100.0) for name in NUMBERS[:many]]


def _groups(wh: Warehouse, table: str) -> Costs:
    dimension = f"(select id as k, x1 as a from {table} where id < {KEYS}) as d"
    texts = {
        "count": f"select count(x0) from {table}",
        "group": f"select count(*) from (select k, count(x0) from {table} group by k) as g",
        "join": f"select count(a) from {table} as f join {dimension} on d.k = f.k",
    }
    seconds = {name: quickest(lambda sql=sql: wh.scalar(sql)) for name, sql in texts.items()}
    plain = quickest(lambda: measure(wh, table, _declared(1, 3)))
    sets = quickest(lambda: measure(wh, table, _declared(1, 3), [Category("c"), Category("d")]))
    # As many groups as rows matter where rows are many, and do not fit into memory then.
    wh.execute("set local work_mem = '256kB'")
    groups = f"select count(*) from (select id, count(x0) from {table} group by id) as g"
    seconds["groups"] = quickest(lambda: wh.scalar(groups))
    return {
        "group": max((seconds["group"] - seconds["count"]) / ROWS, LEAST),
        "new_group": max((seconds["groups"] - seconds["group"]) / ROWS, LEAST),
        "join": max((seconds["join"] - seconds["count"]) / ROWS, LEAST),
        "set": max((sets - plain) / ROWS / 3, LEAST),  # two columns and their pair
    }


def _gain(wh: Warehouse, table: str) -> float:
    """Sums over rows by all processes against one; what starts them is not counted, large work hides it."""
    declared, seconds = _declared(len(NUMBERS), 3), []
    for settings in ("max_parallel_workers_per_gather = 0", "min_parallel_table_scan_size = 0"):
        with wh.transaction():
            wh.execute(f"set local parallel_setup_cost = 0; set local {settings}")
            seconds.append(quickest(lambda: measure(wh, table, declared)))
    return max(1.0, seconds[0] / seconds[1])


def of_export(wh: Warehouse, table: str) -> Costs:
    """Seconds of an export: `export` at all; for each row `export_row`, `export_value` a number,
    `export_byte` a byte of text.
    """
    begun = quickest(lambda: wh.fetch_arrow(f"select x0 from {table} limit 1"))
    columns = ", ".join(NUMBERS)
    one = quickest(lambda: wh.fetch_arrow(f"select x0 from {table}"))
    many = quickest(lambda: wh.fetch_arrow(f"select {columns} from {table}"))
    text = quickest(lambda: wh.fetch_arrow(f"select x0, repeat(c, 8) as c from {table}"))
    value = max((many - one) / ROWS / (len(NUMBERS) - 1), LEAST)
    size = wh.fetch_arrow(f"select repeat(c, 8) as c from {table}").nbytes / ROWS
    return {
        "export": begun,
        "export_row": max((one - begun) / ROWS - value, LEAST),
        "export_value": value,
        "export_byte": max((text - one) / ROWS / size, LEAST),
    }


def of_exact_sums(wh: Warehouse, table: str) -> Costs:
    """Seconds of exact sums over exported rows, their way out among them: for each row `exact_value` a
    number, `exact_product` a product of two, `exact_level` a number by a category.
    """
    few, many = EXACT_SIZES
    again = [f"{NUMBERS[at % len(NUMBERS)]} as n{at}" for at in range(many)]
    relation = f"(select id, c, d, {', '.join(again)} from {table} where id < {LIBRARY_ROWS})"

    def seconds(count: int, categories: list[Category]) -> float:
        numbers = [Number(f"n{at}", 3, 100.0) for at in range(count)]
        all_rows, one_row = (
            quickest(lambda source=source: measure_exported(wh, source, numbers, categories))
            for source in (relation, f"(select * from {relation} as one limit 1)")
        )
        return max(all_rows - one_row, 0.0) / LIBRARY_ROWS

    plain = seconds(few, [])
    value, product = parts_of(EXACT_SIZES, [plain, seconds(many, [])])
    levels = seconds(few, [Category("c"), Category("d")]) - plain
    return {"exact_value": value, "exact_product": product, "exact_level": max(levels / 2 / few, LEAST)}


def of_library_sums(wh: Warehouse, table: str) -> Costs:
    """Seconds of scikit-learn for each row and part of a cross-validation: `fit_value` a column and
    `fit_product` a product of two (`ElasticNetCV`), `pass_value` a column (`LogisticRegression`). On rows in
    memory: what the warehouse has to do for them is measured elsewhere.
    """
    import numpy as np
    from sklearn.linear_model import ElasticNetCV, LogisticRegression

    random = np.random.default_rng(0)
    # Products weigh little in a library: only many columns tell what one takes.
    x = random.normal(size=(LIBRARY_ROWS, LIBRARY_SIZES[1]))
    y = x[:, :4].sum(axis=1) + random.normal(size=len(x))

    def seconds(many: int) -> float:
        given = np.ascontiguousarray(x[:, :many])
        model = ElasticNetCV(alphas=LIBRARY_PENALTIES, cv=LIBRARY_FOLDS)
        return quickest(lambda: model.fit(given, y)) / len(x) / (LIBRARY_FOLDS + 1)

    value, product = parts_of(LIBRARY_SIZES, [seconds(many) for many in LIBRARY_SIZES])
    few = np.ascontiguousarray(x[:, : len(NUMBERS)])
    passes = quickest(lambda: LogisticRegression().fit(few, y > 0.0))
    return {"fit_value": value, "fit_product": product, "pass_value": passes / few.size}
