"""Expressions beside Postgres: ZetaSQL evaluates their translation to the same values, on awkward rows."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pytest

from tests.conftest import create_database, drop_database
from tests.peers.zetasql import ZetaSql
from warehouse.client import Settings, Warehouse, open_warehouse
from warehouse.client.googlesql import TranslatedWarehouse

pytestmark = pytest.mark.slow
UTC = dt.UTC
INSTANTS = [
    dt.datetime(2013, 3, 10, 6, 59, 59, 999999, UTC), dt.datetime(2013, 3, 10, 7, 0, 0, 0, UTC),
    dt.datetime(2013, 11, 3, 5, 30, 0, 500000, UTC), dt.datetime(2013, 11, 3, 6, 30, 0, 120, UTC),
    dt.datetime(2012, 2, 29, 12, 0, 0, 0, UTC), dt.datetime(2013, 12, 31, 23, 59, 59, 0, UTC),
    dt.datetime(1969, 12, 31, 23, 59, 58, 250000, UTC), None,
]  # fmt: skip
NUMBERS = [0.0, -0.0, math.nan, math.inf, -math.inf, 0.5, -2.5, None]
TEXTS = ["a_b_c", "A", "", " pad ", "\t", "it's \\ %", "é", None]


@pytest.fixture(scope="module")
def both(server: Settings, judge: ZetaSql) -> Iterator[tuple[Warehouse, TranslatedWarehouse]]:
    """Postgres and the judge, with the same rows in `awkward.t`."""
    rows = pa.table(
        {
            "id": pa.array(range(8), pa.int64()),
            "n": pa.array([1, 1, 2, 2, None, -7, 0, 3], pa.int64()),
            "x": pa.array(NUMBERS, pa.float64()),
            "c": pa.array(TEXTS, pa.string()),
            "b": pa.array([True, False, None, True, False, None, True, False]),
            "ts": pa.array(INSTANTS, pa.timestamp("us", "UTC")),
            "d": pa.array([one and one.date() for one in INSTANTS], pa.date32()),
        }
    )
    own = replace(server, database=f"t_{uuid.uuid4().hex[:12]}")
    create_database(server, own.database)
    with open_warehouse(own) as warehouse:
        warehouse.execute("create schema awkward")
        warehouse.load_arrow("awkward", "t", rows, "create")
        if judge.columns("awkward.t") is None:
            judge.load("awkward.t", rows)
        yield warehouse, TranslatedWarehouse(judge)
    drop_database(server, own.database)


SAME = [
    "ts - interval '7 days'", "ts + n * interval '90 minutes'", "interval '1 month' + ts",
    "ts - interval '1 year 2 months 3 days 4 seconds'", "(ts + interval '0.25 seconds')::text", "d + 3",
    "3 + d",
    "d - date '2013-01-01'", "d + interval '1 month'", "(d - interval '1 hour')::text", "ts::date",
    "d::timestamptz",
    "ts::text", "(ts at time zone 'UTC')::text", "d::text",
    "(ts at time zone 'America/New_York')::text",
    "ts at time zone 'America/New_York' at time zone 'America/New_York'",
    "(d + n * interval '30 minutes') at time zone 'America/New_York'",
    "(d + n * interval '60 minutes') at time zone 'Australia/Lord_Howe'",
    "timestamp '2013-11-03 01:30:00' at time zone 'America/New_York'",
    "timestamp '2013-03-10 02:30:00' at time zone 'America/New_York'",
    "extract(epoch from ts)", "extract(epoch from ts - timestamptz '2013-01-01 00:00Z')",
    "extract(epoch from interval '1 day 90 minutes')", "extract(epoch from d)",
    *(f"extract({part} from {of})::int" for of in ("ts", "d")
      for part in ("year", "month", "day", "dow", "isodow", "doy", "week", "quarter", "isoyear")),
    "extract(hour from ts)::int", "extract(minute from ts at time zone 'America/New_York')::int",
    *(f"date_trunc('{unit}', ts)" for unit in ("hour", "day", "week", "month", "quarter", "year")),
    "date_trunc('month', d)::date", "to_char(ts, 'YYYY-MM-DD HH24:MI:SS.US')", "to_char(d, 'YYYY-MM')",
    "ts - timestamptz '2013-01-01 00:00Z' > interval '300 days'", "ts >= d",
    "ts < now() - interval '1 hour'",
    "c like 'a\\_%'", "c not like '%b%'", "left(c, 2)", "right(c, 2)", "length(c)", "trim(c)",
    "btrim(c, ' a')",
    "ltrim(c)", "replace(c, 'a', 'xx')", "split_part(c, '_', 2)", "split_part(c, '_', 9)", "strpos(c, '_')",
    "starts_with(c, 'a')", "concat(c, n, b)", "concat_ws('-', c, n, c)", "coalesce(c, 'none') || '!'",
    "greatest(n, id, 2)", "least(n, id)", "x is distinct from 0.5::float8", "n is distinct from id",
    "n is not distinct from null", "nullif(n, 2)", "round(x)", "n / 2", "n % 2", "c is null or b",
    "case when b then 'yes' when not b then 'no' end", "id in (1, 3)", "n = any(array[1, 2])",
    "num_nulls(n, c)",
    "sum(n) over (partition by b order by id rows between 1 preceding and current row)",
    "lag(c) over (order by id)", "row_number() over (order by x desc, id)",
    "count(*) over (partition by x)",
    "rank() over (order by n)", "max(id) over w",
    "min(nullif(x, 0)) over w", "min(nullif(x, 0)) over (order by id)",
    "max(nullif(x, 0)) over (order by id)",
]  # fmt: skip
"""Compared row by row; Postgres' own answer is the oracle."""


def plain(value: object) -> str:
    """A value as both engines would show it: numbers by what they are worth, NaN and zero by their bits."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return repr(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dt.datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    return str(value.normalize()) if hasattr(value, "normalize") else str(value)


@pytest.mark.parametrize("expression", SAME)
def test_a_value_is_the_same(both, expression):
    window = " window w as (partition by n order by id)" if "over w" in expression else ""
    sql = f"select id, {expression} as v from awkward.t{window} order by id"
    one, two = (wh.query(sql) for wh in both)
    assert [plain(row["v"]) for row in two] == [plain(row["v"]) for row in one]


QUERIES = [
    "select string_agg(c, ',' order by c desc nulls last, id) as v from awkward.t",
    "select n, string_agg(c, '' order by id) filter (where b) as v from awkward.t group by n order by n",
    "select distinct on (n) n, id, x from awkward.t order by n, x desc nulls last, id",
    "select distinct on (b, n) id as v from awkward.t order by n, b, id desc",
    "select id from awkward.t order by id limit 3 offset 2", "select id from awkward.t order by id offset 6",
    "select x from awkward.t order by x nulls first, id",
    "select x, id from awkward.t order by x desc, id limit all",
    "select n, count(*) filter (where x > 0) as v from awkward.t where x <> 'NaN' group by n order by n",
    "select bool_and(b) as v, bool_or(b) as w, count(distinct n) as u from awkward.t",
    "select min(ts) as v, max(d) as w, min(nullif(x, 'NaN')) as u from awkward.t",
    "select id from awkward.t as t where exists (select from awkward.t as u where u.n = t.id) order by id",
    "select id from awkward.t fetch first 0 rows only",
    "select id, null as v from awkward.t where b union all select n, c from awkward.t order by 1, 2",
    "select id, c as v from awkward.t where b union all select n, null from awkward.t order by 2 desc, 1",
    "(select x as v from awkward.t) union all select 1.5::float8 order by 1 desc limit 5",
    "select id, nullif(x, 0) as v from awkward.t order by 2, 1",
]  # fmt: skip


@pytest.mark.parametrize("sql", QUERIES)
def test_rows_and_their_order_are_the_same(both, sql):
    one, two = ([[plain(value) for value in row.values()] for row in wh.query(sql)] for wh in both)
    assert one == two


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 10, 19, 40, 101])
def test_the_tail_of_chi_square_keeps_twelve_digits(both, degrees):
    from scipy.stats import chi2

    points = [1e-9, 1e-3, 0.1, 0.4, 1.0, 2.5, 9.0, 30.0, 33.0, 80.0, 200.0, 700.0]
    values = ", ".join(f"ml.chi_square_sf({x}::float8, {degrees}) as v{n}" for n, x in enumerate(points))
    (found,) = both[1].query(f"select {values}")
    assert list(found.values()) == pytest.approx(chi2.sf(points, degrees).tolist(), rel=1e-12, abs=1e-300)


def test_the_tail_of_kolmogorov_keeps_twelve_digits(both):
    from scipy.stats import kstwobign

    points = [0.04, 0.06, 0.2, 0.5, 0.99, 1.0, 1.01, 2.0, 5.0, 17.9, 18.5]
    values = ", ".join(f"ml.kolmogorov_sf({x}::float8) as v{n}" for n, x in enumerate(points))
    (found,) = both[1].query(f"select {values}")
    assert list(found.values()) == pytest.approx(kstwobign.sf(points).tolist(), rel=1e-12, abs=1e-280)


def test_tails_of_what_is_no_number_are_those_of_postgres(both):
    sql = "select ml.chi_square_sf({}, 3) as a, ml.kolmogorov_sf({}) as b"
    for given, want in (("'NaN'::float8", math.nan), ("null::float8", None), ("'-1'::float8", 1.0)):
        (found,) = both[1].query(sql.format(given, given))
        assert repr(found["a"]) == repr(found["b"]) == repr(want)
    (found,) = both[1].query(
        "select ml.chi_square_sf('Infinity'::float8, 3) as a, ml.chi_square_sf(1.0::float8, 0) as b"
    )
    assert found == {"a": 0.0, "b": None}
