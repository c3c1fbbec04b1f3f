"""A star is measured without joining it, to the same bits as its joined rows; broken keys block.

Belongs here: equality with the join, by our own scan and by pandas' merge, and what is refused. Does not
belong here: the cost of either (`test_training_plan`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.indb.cofactor_scan import measure
from ml.indb.columns import Category, Number, Weight
from ml.indb.errors import InDatabaseError
from ml.indb.star import Dimension, Star
from ml.indb.star_checks import check_star
from ml.indb.star_scan import measure_star
from tests.ml.indb.star_data import load, made_star
from warehouse.client import Warehouse

AIRCRAFT = Dimension("aircraft", "aircraft", "aircraft_key", ("seats", "maker"))
AIRPORT = Dimension("airport", "airport", "id", ("altitude",), "origin")
STAR = Star("flight", ("delay", "hour"), (AIRCRAFT, AIRPORT))
NUMBERS = [Number("seats"), Number("altitude"), Number("hour"), Number("delay")]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**16), by=st.sampled_from([(), ("fold",), ("fold", "day")]),
    weight=st.sampled_from([None, Weight("w", 5), Weight("w", 10**9), Weight("w", 5, is_count=True)]),
)  # fmt: skip
def test_it_equals_the_join_bit_for_bit(
    rows_wh: Warehouse, seed: int, by: tuple[str, ...], weight: Weight | None
):
    made = made_star(seed)
    load(rows_wh, made)
    found = measure_star(rows_wh, made.star, made.numbers, made.categories, by, weight)
    joined = measure(rows_wh, made.star.joined, made.numbers, made.categories, by, weight)
    assert (found.groups, found.keys, found.types) == (joined.groups, joined.keys, joined.types)
    assert json.dumps(found.total.to_dict()) == json.dumps(joined.total.to_dict())
    assert found.kinds == joined.kinds and found.bytes_out > 0


def flights(**changed: pa.Array) -> dict[str, pa.Table]:
    """200 flights of 7 aircraft from 3 airports."""
    random = np.random.default_rng(5)
    flight = {
        "aircraft_key": pa.array([f"N{at}" for at in random.integers(0, 7, 200)]),
        "origin": pa.array(random.integers(1, 4, 200)),
        "hour": pa.array(random.integers(0, 24, 200)),
        "delay": pa.array(random.integers(-20, 300, 200)),
    }
    aircraft = {
        "aircraft_key": pa.array([f"N{at}" for at in range(7)]),
        "seats": pa.array([50, 50, 139, 180, 200, 250, 300]),
        "maker": pa.array(["A", "A", "B", "B", "A", None, "C"]),
    }
    airport = {"id": pa.array([1, 2, 3, 4]), "altitude": pa.array([11, 13, 18, 5_355])}
    tables = {"flight": flight, "aircraft": aircraft, "airport": airport}
    for name, values in changed.items():
        table, column = name.split("__")
        tables[table][column] = values
    return {name: pa.table(columns) for name, columns in tables.items()}


def loaded(wh: Warehouse, **changed: pa.Array) -> dict[str, pa.Table]:
    tables = flights(**changed)
    for name, table in tables.items():
        wh.load_arrow("public", name, table, "replace")
    return tables


def test_it_equals_what_pandas_merges(rows_wh: Warehouse):
    tables = {name: table.to_pandas() for name, table in loaded(rows_wh).items()}
    rows = tables["flight"].merge(tables["aircraft"], on="aircraft_key", validate="many_to_one")
    rows = rows.merge(tables["airport"], left_on="origin", right_on="id", validate="many_to_one")
    found = measure_star(rows_wh, STAR, NUMBERS, [Category("maker")]).total
    names = [number.name for number in NUMBERS]
    products = rows[names].to_numpy().T @ rows[names].to_numpy()
    for i, one in enumerate(names):
        assert found.total(one) == rows[one].sum()
        for j, two in enumerate(names):
            assert found.product(one, two) == products[i, j]
    makers = rows.groupby("maker", dropna=False)[names].agg(["count", "sum"])
    for maker, line in makers.iterrows():
        count, sums = found.levels[0, maker if isinstance(maker, str) else None]
        assert count == line["delay", "count"] and list(sums) == [line[name, "sum"] for name in names]


def test_the_join_is_never_built(rows_wh: Warehouse):
    """No join of the plan gives a row a flight: at most one for each of 7 aircraft and 3 airports."""
    loaded(rows_wh)
    found = measure_star(rows_wh, STAR, NUMBERS, [Category("maker")])
    (plan,) = rows_wh.scalar(f"explain (analyze, format json) {found.sql}")
    joins = [
        node for node in nodes(plan["Plan"]) if "Join" in node["Node Type"] or "Loop" in node["Node Type"]
    ]
    assert joins and max(node["Actual Rows"] * node["Actual Loops"] for node in joins) <= 7 * 3


@pytest.mark.parametrize("workers", [0, 4])
def test_order_and_workers_change_no_bit(rows_wh: Warehouse, workers: int):
    made = made_star(11, rows=400)
    load(rows_wh, made)
    expected = measure_star(rows_wh, made.star, made.numbers, made.categories, ["fold"])
    shuffled = np.random.default_rng(workers).permutation(400)
    made.tables = {"fact": made.tables["fact"].take(shuffled)}
    load(rows_wh, made)
    with rows_wh.transaction():
        for setting in (
            "parallel_setup_cost = 0", "parallel_tuple_cost = 0", "min_parallel_table_scan_size = 0",
            f"max_parallel_workers_per_gather = {workers}",
            f"debug_parallel_query = {'on' if workers else 'off'}",
        ):  # fmt: skip
            rows_wh.execute(f"set local {setting}")
        found = measure_star(rows_wh, made.star, made.numbers, made.categories, ["fold"])
        plan = "\n".join(row["QUERY PLAN"] for row in rows_wh.query(f"explain {found.sql}"))
    assert ("Parallel" in plan or "Gather" in plan) == bool(workers)
    assert found.groups == expected.groups


def nodes(plan: dict) -> Iterator[dict]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


REFUSED = [
    (
        {"aircraft__aircraft_key": pa.array(["N0", "N1", "N2", "N3", "N4", "N6", "N6"])},
        "dimension 'aircraft': 1 values of its key 'aircraft_key' stand in several rows, such as 'N6' in 2",
    ),
    (
        {"airport__id": pa.array([1, 2, 4, 5])},
        r"dimension 'airport': \d+ of 200 facts have a 'origin' that is not among its keys 'id', such as '3'",
    ),
    (
        {"flight__origin": pa.array([None, 1] * 100)},
        "dimension 'airport': column 'origin' of the fact is missing in 100 of 200 rows",
    ),
    (
        {"airport__id": pa.array(["1", "2", "3", "4"])},
        "dimension 'airport': key 'id' is text, column 'origin' of the fact is bigint; allowed: the same",
    ),
]


@pytest.mark.parametrize(("changed", "message"), REFUSED, ids=["repeated", "orphan", "missing", "type"])
def test_broken_keys_block(rows_wh: Warehouse, changed: dict[str, pa.Array], message: str):
    loaded(rows_wh, **changed)
    for work in (lambda: check_star(rows_wh, STAR), lambda: measure_star(rows_wh, STAR, NUMBERS)):
        with pytest.raises(InDatabaseError, match=message):
            work()


def test_keys_that_break_after_the_check_are_noticed(rows_wh: Warehouse, monkeypatch: pytest.MonkeyPatch):
    """One repeated and one orphaned key may cancel out in a count of rows: both are noticed."""
    loaded(rows_wh, aircraft__aircraft_key=pa.array(["N0", "N1", "N2", "N3", "N4", "N6", "N6"]))
    monkeypatch.setattr("ml.indb.star_scan.check_star", lambda wh, star: 200)
    with pytest.raises(InDatabaseError, match="Rows changed after the keys were checked: measure again"):
        measure_star(rows_wh, STAR, NUMBERS)


def test_members_without_facts_do_not_count(rows_wh: Warehouse):
    loaded(rows_wh, airport__altitude=pa.array([11, 13, 18, None]))
    found = measure_star(rows_wh, STAR, NUMBERS).total
    assert found.rows == 200 and found.total("altitude") < 18 * 200


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"airport__altitude": pa.array([1.5, None, 2.0, 3.0])}, "column 'altitude' is missing in 1 rows"),
        ({"airport__altitude": pa.array([1.5, float("nan"), 2.0, 3.0])}, "column 'altitude': 1 rows .* NaN"),
        ({"flight__hour": pa.array([None] + [1] * 199)}, "column 'hour' is missing in 1 rows"),
    ],
)
def test_values_are_refused_where_they_stand(rows_wh: Warehouse, changed: dict, message: str):
    loaded(rows_wh, **changed)
    with pytest.raises(InDatabaseError, match=message):
        measure_star(rows_wh, STAR, NUMBERS)


def test_declarations_are_checked(rows_wh: Warehouse):
    loaded(rows_wh)
    with pytest.raises(
        InDatabaseError, match="column 'wings' is not in the star; allowed: delay, hour, seats"
    ):
        measure_star(rows_wh, STAR, [Number("wings")])
    with pytest.raises(
        InDatabaseError, match="split or weighted by \\['maker'\\], of a dimension; allowed: columns of the"
    ):
        measure_star(rows_wh, STAR, NUMBERS, by=["maker"])
    with pytest.raises(InDatabaseError, match="split or weighted by \\['seats'\\], of a dimension"):
        measure_star(rows_wh, STAR, NUMBERS, weight=Weight("seats"))
    with pytest.raises(InDatabaseError, match="weight 'delay': [0-9]+ rows hold none that can be taken"):
        measure_star(rows_wh, STAR, NUMBERS, weight=Weight("delay"))
    with pytest.raises(InDatabaseError, match="no rows of weight 'none' above 0"):
        star = Star("(select *, 0 as none from flight)", ("delay", "hour", "none"), (AIRCRAFT, AIRPORT))
        measure_star(rows_wh, star, NUMBERS, weight=Weight("none"))
    with pytest.raises(InDatabaseError, match="columns \\['seats'\\] stand twice in the star"):
        Star("flight", ("seats",), (AIRCRAFT,))
    with pytest.raises(InDatabaseError, match="no column is taken of them"):
        Star("flight", ("hour",), (Dimension("empty", "airport", "id", ()),))


def test_more_sums_than_a_row_has_columns(rows_wh: Warehouse):
    """2,016 products within one dimension; sums beyond a bigint go on as NUMERIC."""
    names = [f"c{at}" for at in range(63)]
    listed = ", ".join(f"(i * {at + 1} % 17 * 100000000)::bigint as {name}" for at, name in enumerate(names))
    rows_wh.execute(f"drop table if exists broad; create table broad as select i as k, {listed} "
                    "from generate_series(1, 20) i")  # fmt: skip
    star = Star("(select i % 20 + 1 as k, i as x from generate_series(1, 500) i)", ("x",),
                (Dimension("broad", "broad", "k", tuple(names)),))  # fmt: skip
    numbers = [*map(Number, names), Number("x")]
    assert measure_star(rows_wh, star, numbers).groups == measure(rows_wh, star.joined, numbers).groups
