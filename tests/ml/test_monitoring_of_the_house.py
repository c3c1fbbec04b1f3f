"""On all flights of 2013: stored predictions are the predictor's bits, and stored drift is what scipy
finds.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp

from ml.feature_query import feature_sql
from ml.predictor import Predictor
from ml.spec import load_specs
from warehouse.client import open_warehouse

SEPTEMBER = dt.date(2013, 9, 1)


@pytest.fixture(scope="module")
def built(house):
    with open_warehouse(house) as wh:
        yield wh


@pytest.mark.parametrize("name", sorted(load_specs()))
def test_stored_scores_are_the_predictors_bits(built, name):
    predictor = Predictor.load(built, name)
    features = built.fetch_arrow(
        f"select f.*, p.score as stored, p.is_positive as stored_decision "
        f"from ({feature_sql(predictor.spec, dt.date(2013, 11, 28), dt.date(2013, 11, 28))}) f "
        f"join ml.prediction p on p.model_name = '{name}' and p.flight_key = f.{predictor.spec.key_column}"
    )
    answers = predictor.predict(features)
    assert features.num_rows > 500
    assert answers.column("score").to_numpy().tobytes() == features.column("stored").to_numpy().tobytes()
    assert answers.column("is_positive").to_pylist() == features.column("stored_decision").to_pylist()
    for i in range(0, features.num_rows, 97):
        assert predictor.predict(features.slice(i, 1)).column("score")[0] == features.column("stored")[i]


def test_every_feature_row_has_a_prediction(built):
    for name in load_specs():
        spec = Predictor.load(built, name).spec
        expected = built.scalar(f"select count(*) from ({feature_sql(spec)}) f")
        counted = "select count(*) from ml.prediction where model_name = %(name)s"
        assert built.scalar(counted, {"name": name}) == expected


def test_stored_drift_is_what_scipy_finds(built):
    predictor = Predictor.load(built, "late_arrival")
    version = predictor.registered
    sides = [
        built.fetch_arrow(feature_sql(predictor.spec, start, end))
        for start, end in ((version.train_start, version.train_end), (SEPTEMBER, dt.date(2013, 9, 30)))
    ]
    key = {"version": version.version, "day": SEPTEMBER}
    rows = built.query(
        "select name, kind, psi, js, ks, reference_rows, current_rows from ml.drift "
        "where model_name = 'late_arrival' and subject = 'feature' "
        "and model_version = %(version)s and window_start = %(day)s",
        key,
    )
    assert {row["name"] for row in rows} == set(predictor.spec.feature_names)
    for row in rows:
        assert (row["reference_rows"], row["current_rows"]) == tuple(side.num_rows for side in sides)
        values = [side.column(row["name"]).drop_null().to_numpy() for side in sides]
        if row["kind"] == "number":
            assert row["ks"] == pytest.approx(ks_2samp(*values).statistic, abs=1e-12)
        else:
            names = np.unique(np.concatenate(values))
            counts = [[np.count_nonzero(side == name) for name in names] for side in values]
            assert row["js"] == pytest.approx(jensenshannon(*counts, base=2), abs=1e-9)


def test_the_season_is_seen_and_the_timetable_stands_still(built):
    found = {
        row["name"]: row["psi"]
        for row in built.query(
            "select name, min(psi) as psi from ml.drift where model_name = 'late_arrival' group by name"
        )
    }
    assert found["temperature_f"] > 1
    distance = "select max(psi) from ml.drift where model_name = 'late_arrival' and name = 'distance_mi'"
    largest = built.scalar(distance)
    assert largest < 0.02
