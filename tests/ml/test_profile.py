"""The profile of a relation against numpy, column by column, for every type that occurs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ml.profile import QUANTILES, ProfileError, profile


@pytest.fixture
def relation(wh):
    rng = np.random.default_rng(0)
    numbers = rng.lognormal(0, 2, 1000)
    table = pa.table(
        {
            "amount": pa.array(numbers, mask=rng.random(1000) < 0.1),
            "count": pa.array(rng.integers(-5, 5, 1000)),
            "name": pa.array(rng.choice(["b", "B", "a", "Z", None], 1000).tolist()),
            "is_on": pa.array((rng.random(1000) < 0.25).tolist(), pa.bool_(), mask=rng.random(1000) < 0.2),
            "day": pa.array(np.arange(1000) % 365, pa.int32()).cast(pa.date32()),
            "nothing": pa.nulls(1000, pa.float64()),
        }
    )
    wh.execute("create schema raw")
    wh.load_arrow("raw", 'odd "name', table, mode="create")
    wh.execute('alter table raw."odd ""name" add column extra jsonb, add column price numeric default 1.5')
    return table


def test_every_column_agrees_with_numpy(wh, relation):
    found = {column.name: column for column in profile(wh, "raw", 'odd "name')}
    assert list(found) == [*relation.column_names, "extra", "price"]
    for name in relation.column_names:
        values = [v for v in relation.column(name).to_pylist() if v is not None]
        column = found[name]
        assert (column.rows, column.nulls) == (1000, 1000 - len(values))
        assert column.null_share == column.nulls / 1000
        assert column.distinct == len(set(values))
    for name in ("amount", "count"):
        values = np.array([v for v in relation.column(name).to_pylist() if v is not None])
        column = found[name]
        assert (float(column.minimum), float(column.maximum)) == (values.min(), values.max())
        assert column.mean == pytest.approx(values.mean()) and column.deviation == pytest.approx(
            values.std(ddof=1)
        )
        expected = np.quantile(values, QUANTILES, method="inverted_cdf")
        assert list(column.quantiles.values()) == expected.tolist()


def test_other_types_say_what_they_can(wh, relation):
    found = {column.name: column for column in profile(wh, "raw", 'odd "name')}
    assert (found["name"].minimum, found["name"].maximum, found["name"].mean) == ("B", "b", None)
    on = [v for v in relation.column("is_on").to_pylist() if v is not None]
    assert found["is_on"].mean == pytest.approx(np.mean(on))
    assert (found["is_on"].minimum, found["is_on"].maximum) == ("false", "true")
    assert (found["day"].minimum, found["day"].maximum) == ("1970-01-01", "1970-12-31")
    nothing, extra, price = found["nothing"], found["extra"], found["price"]
    assert (nothing.nulls, nothing.distinct, nothing.minimum, nothing.mean, nothing.quantiles) == (
        1000,
        0,
        *[None] * 3,
    )
    assert (extra.nulls, extra.distinct, extra.minimum) == (1000, None, None)
    assert (price.mean, price.deviation, price.quantiles[0.5]) == (1.5, 0.0, 1.5)


def test_infinity_and_nan_are_shown_as_they_are(wh):
    wh.execute("create table public.t as select unnest(array[1, 'inf', 'NaN']::float8[]) as x")
    (column,) = profile(wh, "public", "t")
    assert (column.minimum, column.maximum, column.distinct) == ("1", "NaN", 3)
    assert np.isnan(column.mean) and column.quantiles[0.5] == np.inf


def test_an_empty_relation_and_a_choice_of_columns(wh):
    wh.execute("create table public.t (a int, b text)")
    b, a = profile(wh, "public", "t", columns=["b", "a"])
    assert (b.name, a.name, a.rows, a.nulls, a.null_share, a.mean, a.quantiles) == (
        "b",
        "a",
        0,
        0,
        0.0,
        None,
        None,
    )


def test_what_does_not_exist_is_refused_by_name(wh):
    with pytest.raises(ProfileError, match=r"public\.t: no such relation"):
        profile(wh, "public", "t")
    wh.execute("create table public.t (a int)")
    with pytest.raises(ProfileError, match="no column b; it has: a"):
        profile(wh, "public", "t", columns=["a", "b"])


def test_one_statement_and_no_rows_leave(wh, relation, monkeypatch):
    statements = []
    real = type(wh).query
    monkeypatch.setattr(
        type(wh), "query", lambda self, sql, params=None: statements.append(sql) or real(self, sql, params)
    )
    before = wh.bytes_out
    profile(wh, "raw", 'odd "name')
    assert sum('"odd ""name"' in sql for sql in statements) == 1
    assert wh.bytes_out == before
