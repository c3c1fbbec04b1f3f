"""Cleaning as models: rules of the training period alone, what was changed is counted."""

from __future__ import annotations

import numpy as np
import pytest

from tests.warehouse.loaders.intake.tiny_project import TinyProject

COLUMNS = "['wind_mph', 'pressure_mb']"
LAX = "{{ config(contract={'enforced': false}) }}\n"
SOURCES = "sources: [{name: sky, schema: raw, tables: [{name: weather, identifier: sky__weather}]}]"
RULES = "cleaning_rules(source('sky', 'weather'), COLUMNS, 'day', \"date '2013-01-20'\", 0.05, 0.95)"
CLEANED = "cleaned(source('sky', 'weather'), ref('int_weather__cleaning_rule'), COLUMNS, ['day', 'hour'])"
COUNTS = "cleaning_counts(ref('int_weather__cleaned'), COLUMNS)"
MODELS = {
    "staging/sky/_sky__sources.yml": SOURCES,
    **{
        path: LAX + "{{ " + call.replace("COLUMNS", COLUMNS) + " }}"
        for path, call in (
            ("intermediate/weather/int_weather__cleaning_rule.sql", RULES),
            ("intermediate/weather/int_weather__cleaned.sql", CLEANED),
            ("reporting/rpt_weather_cleaning.sql", COUNTS),
        )
    },
}
ROWS = """
create schema if not exists raw;
create table raw.sky__weather as
select '2013-01-01'::date + n / 24 as day, n % 24 as hour,
       case when n % 10 = 0 then null when n = 7 then 1048.36 else (n * 37 % 101) / 4.0 end as wind_mph,
       case when n % 3 > 0 then 1000 + n * 13 % 17 end::float8 as pressure_mb
from generate_series(0, 24 * 20 - 1) as n"""


@pytest.fixture
def project(wh, tmp_path):
    wh.execute(ROWS)
    made = TinyProject(wh.settings, tmp_path, MODELS)
    made.dbt("run")
    return made


def test_rules_are_those_numpy_finds_and_rows_are_treated_by_them(wh, project):
    values = wh.query("select wind_mph from raw.sky__weather where wind_mph is not null")
    wind = np.array([float(row["wind_mph"]) for row in values])
    rules = wh.query("select * from intermediate.int_weather__cleaning_rule order by column_name desc")
    found = [rules[0][name] for name in ("median_value", "lower_bound", "upper_bound")]
    assert found == [np.quantile(wind, q, method="inverted_cdf") for q in (0.5, 0.05, 0.95)]
    assert (rules[0]["row_count"], rules[0]["value_count"]) == (480, len(wind))
    rows = wh.query("select * from intermediate.int_weather__cleaned order by day, hour")
    assert rows[0]["wind_mph"] == found[0] and rows[0]["wind_mph_was_missing"]
    assert rows[7]["wind_mph"] == found[2] and rows[7]["wind_mph_was_outlier"]
    counts = {row["column_name"]: row for row in wh.query("select * from reporting.rpt_weather_cleaning")}
    outliers = int(((wind < found[1]) | (wind > found[2])).sum())
    assert counts["wind_mph"]["outlier_count"] == outliers > 0
    assert counts["wind_mph"]["missing_count"] == 48 and counts["pressure_mb"]["missing_count"] == 160


def test_rows_after_the_training_period_change_no_rule(wh, project):
    before = wh.query("select * from intermediate.int_weather__cleaning_rule order by 1")
    wh.execute("insert into raw.sky__weather select '2013-06-01', n, 1e6, 0 from generate_series(0, 23) as n")
    project.dbt("run")
    assert wh.query("select * from intermediate.int_weather__cleaning_rule order by 1") == before
    late = wh.query("select * from intermediate.int_weather__cleaned where day = '2013-06-01'")
    assert all(row["wind_mph"] == before[1]["upper_bound"] and row["wind_mph_was_outlier"] for row in late)
