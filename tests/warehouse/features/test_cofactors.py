"""Cofactors kept by day: the sums that a scan of the same rows gives, to the last digit, and what stops them.

Belongs here: the model `cof_flight__arrival_delay` and the macro behind it. Does not belong here: what is
fitted on cofactors.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
import yaml

from ml.document import Evaluator
from ml.document.parity import check_parity
from ml.feature_query import feature_sql
from ml.indb.cofactor_scan import measure
from ml.indb.cofactor_table import CofactorTable
from ml.indb.columns import Category, Number
from ml.indb.errors import InDatabaseError
from ml.indb.linear import least_squares
from ml.indb.penalty_search import penalty_search_on
from ml.indb.window_fit import fit_window, least_squares_window
from ml.spec import load_specs
from tests.warehouse.features.feature_house import FeatureHouse
from warehouse.client import Warehouse, load_settings

MODEL = "cof_flight__arrival_delay"
TABLE = CofactorTable("features", MODEL)
FIRST, LAST = date(2013, 3, 8), date(2013, 3, 11)
LOADED = datetime(2030, 1, 1, tzinfo=UTC)
SPEC = load_specs()["arrival_delay"]
ROWS = f"""(select l.flight_date, (l.outcome_known_at at time zone 'UTC')::date as label_known_date,
    l.arrival_delay_min, f.* from (select * from ({feature_sql(SPEC)}) as f) as f
    join core.fct_flight as l on l.flight_key = f.flight_key where l.is_arrived)"""


def declaration() -> dict:
    folder = load_settings().dbt_project_dir / "models" / "features" / "flight"
    entry = yaml.safe_load((folder / f"{MODEL}.yml").read_text(encoding="utf-8"))["models"][0]
    return entry["config"]["meta"]["cofactors"]


def declared() -> tuple[list[Number], list[Category]]:
    """What the YAML declares, in order of the names, as `CofactorTable` answers."""
    found = [Number(**one) for one in declaration()["numbers"]]
    return sorted(found, key=lambda one: one.name), [Category(name) for name in declaration()["categories"]]


def rows_of(wh: Warehouse, where: str) -> str:
    """The joined rows of some days, written out: the relation is asked for more than once."""
    wh.execute("drop table if exists arrived")
    source = ROWS.replace("f.* from", f"{', '.join(f'f.{name}' for name in SPEC.feature_names)} from")
    wh.execute(f"create table arrived as select * from {source} as r where {where}")
    return "arrived"


def run_model(house: FeatureHouse, *arguments: str) -> None:
    house.run("--select", MODEL, *arguments)


def days_written_since(wh: Warehouse, transactions: set[str]) -> set[date]:
    rows = wh.query(f"select distinct flight_date, xmin::text as xmin from {TABLE.place}")
    return {row["flight_date"] for row in rows if row["xmin"] not in transactions}


def transactions(wh: Warehouse) -> set[str]:
    return {row["x"] for row in wh.query(f"select distinct xmin::text as x from {TABLE.place}")}


def test_the_declaration_is_of_the_declared_model():
    tables = {"arrival_delay_min": SPEC.label.table, **{f.name: f.table for f in SPEC.features}}
    names = [one["name"] for one in declaration()["numbers"]] + declaration()["categories"]
    assert set(names) <= tables.keys() and SPEC.label.column in names


def test_kept_days_are_the_scan_of_the_same_rows(feature_house: FeatureHouse):
    numbers, categories = declared()
    with feature_house.warehouse() as wh:
        relation = rows_of(wh, "true")
        scan = measure(wh, relation, numbers, categories, by=["flight_date", "label_known_date"])
        assert len(scan.groups) >= 12 and scan.total.rows > 5000
        for (day, known), part in scan.groups.items():
            one = date.fromisoformat(known)
            kept = TABLE.window(wh, date.fromisoformat(day), date.fromisoformat(day), one + timedelta(1))
            if known > day:  # what was known a day before is not of this part
                kept = kept - TABLE.window(wh, date.fromisoformat(day), date.fromisoformat(day), one)
            assert kept.in_steps(part.scales) == part
        # A window, and a window without one of its days.
        window = measure(wh, rows_of(wh, f"flight_date between '{FIRST}' and '{LAST}'"), numbers, categories)
        kept = TABLE.window(wh, FIRST, LAST)
        assert kept == window.total.in_steps(kept.scales)
        without = measure(wh, rows_of(wh, f"flight_date between '{FIRST + timedelta(1)}' and '{LAST}'"),
                          numbers, categories).total  # fmt: skip
        assert (kept - TABLE.window(wh, FIRST, FIRST)).in_steps(without.scales) == without
        features = ["new_york_overdue_3h_count", "visibility_mi", "carrier_id"]
        fits = [least_squares(one, features, "arrival_delay_min") for one in (kept, window.total)]
        assert fits[0].table() == fits[1].table()


def test_splits_train_on_what_was_known_before(feature_house: FeatureHouse):
    numbers, categories = declared()
    features = ["new_york_overdue_3h_count", "wind_speed_mph", "origin_airport_id"]
    with feature_house.warehouse() as wh:
        total, splits = TABLE.splits(wh, FIRST, LAST, 3, known_before=LAST + timedelta(1))
        assert [name for name, _, _ in splits] == [str(FIRST + timedelta(at)) for at in (1, 2, 3)]
        for name, train, held in splits:
            before = rows_of(wh, f"flight_date >= '{FIRST}' and flight_date < '{name}' "
                                 f"and label_known_date < '{name}'")  # fmt: skip
            scan = measure(wh, before, numbers, categories).total
            assert train.in_steps(scan.scales) == scan and held.rows > 500
        found = penalty_search_on(total, splits, features, "arrival_delay_min", penalties=5)
        assert found.errors.shape == (3, 5)
        with pytest.raises(InDatabaseError, match="4 folds over the 4 days"):
            TABLE.splits(wh, FIRST, LAST, 4)
        with pytest.raises(InDatabaseError, match="keeps no row of the days from 2014-01-01"):
            TABLE.window(wh, date(2014, 1, 1), date(2014, 1, 2))


def test_a_window_is_fitted_without_its_rows(feature_house: FeatureHouse):
    from sklearn.linear_model import LinearRegression

    numbers = ["new_york_overdue_3h_count", "visibility_mi", "scheduled_block_min"]
    with feature_house.warehouse() as wh:
        source = rows_of(wh, f"flight_date between '{FIRST}' and '{LAST}'")
        rows = wh.fetch_arrow(
            f"select {', '.join(numbers)}, arrival_delay_min from {source} order by 1, 2, 3, 4"
        )
        wh.execute("drop table features.ftr_flight__weather_2h cascade")  # nothing but the sums is read
        plain = least_squares_window(wh, TABLE, "arrival_delay_min", FIRST, LAST, features=numbers)
        net = fit_window(wh, TABLE, "arrival_delay_min", FIRST, LAST, folds=2, penalties=20)
        report = check_parity(wh, net.document, rows=50, adversarial=200)
    assert plain.rows == net.rows == rows.num_rows and report.is_equal, str(report)
    assert net.fit.errors.shape == (2, 20) and "carrier_id=UA" in net.fit.path.names
    x = np.column_stack([rows.column(name).to_numpy() for name in numbers]).astype(float)
    assert not np.isnan(x).any()  # so the missing indicator has no column
    peer = LinearRegression(tol=1e-15).fit(x, rows.column("arrival_delay_min").to_numpy())
    scored = Evaluator(plain.document).table(rows.select(numbers)).scores[:, 0]
    assert np.allclose(scored, peer.predict(x), rtol=0, atol=1e-8)


def test_a_day_loaded_again_is_measured_again_and_others_are_not(feature_house: FeatureHouse):
    with feature_house.warehouse() as wh:
        before = TABLE.window(wh, FIRST, LAST)
        later = "update core.fct_flight set arrival_delay_min = arrival_delay_min + 1 where flight_date <= %s"
        wh.execute(later, (FIRST + timedelta(1),))
        for table in ("core.fct_flight", "features.ftr_flight__weather_2h"):
            wh.execute(f"update {table} set loaded_at = %s where flight_date = %s", (LOADED, FIRST))
        seen = transactions(wh)
    run_model(feature_house)
    with feature_house.warehouse() as wh:
        # The day after looks back at it.
        assert days_written_since(wh, seen) == {FIRST, FIRST + timedelta(1)}
        after = TABLE.window(wh, FIRST, LAST)
        moved = TABLE.window(wh, FIRST, FIRST + timedelta(1)).rows
        assert after.total("arrival_delay_min") - before.total("arrival_delay_min") == moved
        seen = transactions(wh)
        wh.execute(f"update {TABLE.place} set declaration = 'older' where flight_date = %s", (LAST,))
        with pytest.raises(InDatabaseError, match="more than one declaration"):
            TABLE.window(wh, FIRST, LAST)
    run_model(feature_house)
    with feature_house.warehouse() as wh:
        assert days_written_since(wh, seen) == {LAST}
        assert TABLE.window(wh, FIRST, LAST) == after


@pytest.mark.parametrize("value", ["'Infinity'", "'NaN'", "5000"])
def test_a_value_that_cannot_be_summed_stops_the_build_and_is_named(feature_house: FeatureHouse, value: str):
    with feature_house.warehouse() as wh:
        before = TABLE.window(wh, FIRST, LAST)
        wh.execute(
            f"update features.ftr_flight__weather_2h set wind_speed_mph = {value}::float8 "
            "where flight_key = (select min(flight_key) from core.fct_flight "
            f"where is_arrived and flight_date = '{LAST}')"
        )
    with pytest.raises(AssertionError, match="wind_speed_mph, null"):
        run_model(feature_house, "--vars", f"{{start_date: '{LAST}', end_date: '{LAST}'}}")
    with feature_house.warehouse() as wh:
        assert TABLE.window(wh, FIRST, LAST) == before
