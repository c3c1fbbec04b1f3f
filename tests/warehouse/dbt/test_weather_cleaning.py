"""The weather of the house, cleaned: rules of the training period alone, and what they changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from warehouse.client import Settings, Warehouse, open_warehouse

SOURCE = {
    "temperature_f": "temp", "dew_point_f": "dewp", "humidity_pct": "humid", "wind_speed_mph": "wind_speed",
    "precipitation_in": "precip", "pressure_mb": "pressure", "visibility_mi": "visib",
}  # fmt: skip
SHARES = {"fill_value": 0.5, "lower_bound": 0.0001, "upper_bound": 0.9999}


def fitted_until(settings: Settings) -> str:
    """The day that the macro names."""
    text = (settings.dbt_project_dir / "macros" / "weather_cleaning.sql").read_text(encoding="utf-8")
    found = re.search(r"var\('cleaning_fitted_until', '(\d{4}-\d{2}-\d{2})'\)", text)
    assert found
    return found[1]


def test_rules_are_fitted_on_days_that_every_model_is_trained_on(settings: Settings):
    models = [
        yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted((Path(settings.root) / "ml" / "models").glob("*.yml"))
    ]
    assert models and min(str(one["split"]["train_end"]) for one in models) >= fitted_until(settings)


@pytest.fixture(scope="module")
def built(house: Settings) -> Iterator[Warehouse]:
    with open_warehouse(house) as wh:
        yield wh


def test_rules_are_those_numpy_finds_in_the_training_period(built: Warehouse, house: Settings):
    rows = built.query("select * from raw.nycflights13__weather")
    measures = {row["measure_name"]: row for row in built.query("select * from core.dim_weather_measure")}
    assert measures.keys() == SOURCE.keys()
    until, moved = fitted_until(house), 0
    for name, column in SOURCE.items():
        every = np.array([row[column] for row in rows if row[column] is not None])
        early = [r[column] for r in rows if r[column] is not None and str(r["partition_date"]) <= until]
        found = {key: np.quantile(early, q, method="inverted_cdf") for key, q in SHARES.items()}
        assert {key: measures[name][key] for key in SHARES} == found
        assert measures[name]["fitted_value_count"] == len(early) < len(every)
        moved += found != {key: np.quantile(every, q, method="inverted_cdf") for key, q in SHARES.items()}
    # had later days been read, the rules of several measures would be others
    assert moved >= 2


def test_what_was_changed_is_counted(built: Warehouse):
    counts = {row["measure_name"]: row for row in built.query("select * from reporting.rpt_weather_cleaning")}
    assert counts["pressure_mb"]["missing_count"] == 2_729 and counts["wind_speed_mph"]["missing_count"] == 4
    assert all(row["hour_count"] == 26_115 for row in counts.values())
    for name, column in SOURCE.items():
        rule = counts[name]
        outside = built.scalar(
            f"select count(*) from raw.nycflights13__weather where {column} < %(low)s or {column} > %(high)s",
            {"low": rule["lower_bound"], "high": rule["upper_bound"]},
        )
        assert outside == rule["outlier_count"]


def test_the_impossible_wind_is_brought_to_its_bound(built: Warehouse):
    rows = built.query(
        "select h.wind_speed_mph, m.upper_bound from core.fct_weather_hour_cleaned h, "
        "core.dim_weather_measure m where h.wind_speed_mph_was_outlier and m.measure_name = 'wind_speed_mph'"
    )
    assert rows == [{"wind_speed_mph": rows[0]["upper_bound"], "upper_bound": rows[0]["upper_bound"]}]
    assert 40 < rows[0]["upper_bound"] < 45
