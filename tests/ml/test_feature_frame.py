"""Rows and Arrow columns become the one frame: dtypes, nulls, order, and what is refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ml.feature_frame import FeatureFrameError, rows_to_table, to_frame
from ml.spec_fields import Feature

FEATURES = tuple(
    Feature(name=name, table="features.ftr_flight__schedule", kind=kind)
    for name, kind in (("carrier_id", "category"), ("distance_mi", "number"), ("is_holiday", "boolean"))
)


def test_columns_have_the_declared_order_and_type_whatever_the_table_holds():
    table = pa.table(
        {
            "is_holiday": pa.array([True, None, False]),
            "other": pa.array([1, 2, 3]),
            "distance_mi": pa.array([100, None, 300], pa.int32()),
            "carrier_id": pa.chunked_array([["UA", None], ["AA"]], pa.string()),
        }
    )
    frame = to_frame(FEATURES, table)
    assert list(frame.columns) == ["carrier_id", "distance_mi", "is_holiday"]
    assert [str(dtype) for dtype in frame.dtypes] == ["object", "float64", "float64"]
    assert frame["carrier_id"].tolist() == ["UA", None, "AA"]
    assert np.array_equal(frame["distance_mi"], [100.0, np.nan, 300.0], equal_nan=True)
    assert np.array_equal(frame["is_holiday"], [1.0, np.nan, 0.0], equal_nan=True)


def test_rows_give_the_same_frame_as_the_table_they_came_from():
    rows = [
        {"carrier_id": "UA", "distance_mi": 1400.5, "is_holiday": False},
        {"carrier_id": None, "distance_mi": None, "is_holiday": None},
    ]
    frame = to_frame(FEATURES, rows_to_table(FEATURES, rows))
    again = to_frame(FEATURES, pa.Table.from_pylist(rows))
    assert frame.equals(again)


def test_an_empty_table_gives_an_empty_frame():
    assert to_frame(FEATURES, rows_to_table(FEATURES, [])).shape == (0, 3)


def test_integers_as_categories_become_text():
    table = pa.table({"carrier_id": [1, None], "distance_mi": [1.0, 2.0], "is_holiday": [True, False]})
    assert to_frame(FEATURES, table)["carrier_id"].tolist() == ["1", None]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"carrier_id": "UA", "distance_mi": 1.0}, r"missing features \['is_holiday'\]"),
        ({"carrier_id": "UA", "distance_mi": 1.0, "is_holiday": True, "x": 1}, r"unknown features \['x'\]"),
        (
            {"carrier_id": "UA", "distance_mi": "far", "is_holiday": True},
            "'distance_mi': allowed type double",
        ),
        ({"carrier_id": 7, "distance_mi": 1.0, "is_holiday": True}, "'carrier_id': allowed type string"),
        ({"carrier_id": "UA", "distance_mi": 1.0, "is_holiday": "yes"}, "'is_holiday': allowed type bool"),
    ],
)
def test_a_wrong_row_is_refused_by_name(row, told):
    with pytest.raises(FeatureFrameError, match=told):
        rows_to_table(FEATURES, [row])


def test_a_missing_or_unreadable_column_is_refused_by_name():
    with pytest.raises(FeatureFrameError, match="'carrier_id' is missing"):
        to_frame(FEATURES, pa.table({"distance_mi": [1.0]}))
    table = pa.table({"carrier_id": ["a"], "distance_mi": ["far"], "is_holiday": [True]})
    with pytest.raises(FeatureFrameError, match="'distance_mi'"):
        to_frame(FEATURES, table)


def test_a_number_that_float64_cannot_hold_is_refused_not_rounded():
    table = pa.table({"carrier_id": ["a"], "distance_mi": [2**53 + 1], "is_holiday": [True]})
    with pytest.raises(FeatureFrameError, match="'distance_mi'"):
        to_frame(FEATURES, table)
