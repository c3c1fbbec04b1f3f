"""The one feature query: columns, order and types as declared, inner joins, inclusive dates."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from ml.feature_query import feature_sql
from tests.ml.small_model import late_spec
from tests.ml.small_star import build_star


def test_columns_come_in_order_and_type(wh):
    build_star(wh)
    table = wh.fetch_arrow(feature_sql(late_spec()))
    assert table.column_names == [
        "flight_key", "flight_date", "prediction_at", "known_at", "carrier_id", "departure_hour",
        "queue_count", "is_even",
    ]  # fmt: skip
    types = [table.schema.field(name).type for name in late_spec().feature_names]
    assert types == [pa.string(), pa.float64(), pa.float64(), pa.bool_()]


def test_only_what_stands_in_every_table_and_within_the_dates(wh):
    build_star(wh)
    everywhere = wh.scalar("select count(*) from features.ftr_flight__state")
    assert 0 < everywhere < wh.scalar("select count(*) from features.ftr_flight__schedule")
    assert wh.scalar(f"select count(*) from ({feature_sql(late_spec())}) f") == everywhere
    first, last = dt.date(2013, 2, 1), dt.date(2013, 2, 3)
    sql = feature_sql(late_spec(), first, last)
    (found,) = wh.query(f"select min(flight_date) as low, max(flight_date) as high from ({sql}) f")
    assert (found["low"], found["high"]) == (first, last)
    for start, end in ((first, None), (None, first)):
        sql = feature_sql(late_spec(), start, end)
        (span,) = wh.query(f"select min(flight_date) as low, max(flight_date) as high from ({sql}) f")
        assert (span["low"] if start else span["high"]) == first


def test_the_prediction_time_is_the_latest_of_the_tables(wh):
    build_star(wh)
    wh.execute("update features.ftr_flight__state set prediction_at = prediction_at + interval '1 hour'")
    sql = (
        f"select count(*) from ({feature_sql(late_spec())}) f "
        "join features.ftr_flight__state s using (flight_key) where f.prediction_at <> s.prediction_at"
    )
    assert wh.scalar(sql) == 0


@pytest.mark.parametrize(
    "value", ["2013-01-01", "'; drop schema core cascade; --", dt.datetime(2013, 1, 1), 20130101]
)
def test_only_a_date_is_taken(value):
    with pytest.raises(TypeError, match=r"allowed is a datetime\.date"):
        feature_sql(late_spec(), start=value)
    with pytest.raises(TypeError, match="end"):
        feature_sql(late_spec(), end=value)
