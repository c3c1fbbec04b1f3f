"""Training sets on real Postgres: what is in, what is left out, the fingerprint, and failing without harm."""

from __future__ import annotations

import datetime as dt

import pytest

from ml.training_set import TrainingSetError, build_training_set, content_hash
from tests.ml.small_star import REGRESSION, build_star, declared
from warehouse.client import quote


@pytest.fixture
def star(wh):
    build_star(wh)
    return wh


def test_rows_are_labelled_split_by_date_and_counted(star, tmp_path):
    built = build_training_set(star, declared(tmp_path))
    assert built.relation == "training.trn_late"
    assert (built.window_start, built.window_end) == (dt.date(2013, 1, 1), dt.date(2013, 4, 30))
    found = star.query(
        "select split, count(*) as n, min(flight_date), max(flight_date) "
        "from training.trn_late group by 1 order by 1"
    )
    assert [(row["split"], row["n"]) for row in found] == [
        ("test", built.test_rows),
        ("train", built.train_rows),
    ]
    assert found[0]["min"] == dt.date(2013, 4, 1) and found[1]["max"] == dt.date(2013, 3, 31)
    assert built.rows == built.train_rows + built.test_rows
    assert built.excluded["without_label"] == 120
    without = star.scalar("select count(*) from core.fct_flight where is_arrived and flight_key <= '04'")
    assert built.excluded["without_features"] == without > 0
    assert built.rows + sum(built.excluded.values()) == 120 * 30
    assert built.columns == (
        "flight_key", "flight_date", "split", "prediction_at", "features_known_at", "label_known_at", "label",
        "carrier_id", "departure_hour", "queue_count", "is_even",
    )  # fmt: skip


def test_no_training_label_was_known_after_the_test_window_opens(star, tmp_path):
    opens = star.scalar(
        "select min(prediction_at) from features.ftr_flight__schedule where flight_date = '2013-04-01'"
    )
    late = star.execute(
        "update core.fct_flight set outcome_known_at = %(opens)s "
        "where flight_date = '2013-03-31' and is_arrived and flight_key > '8'",
        {"opens": opens},
    )
    built = build_training_set(star, declared(tmp_path))
    assert built.excluded["label_known_in_test_window"] == late > 0
    known = star.scalar("select max(label_known_at) from training.trn_late where split = 'train'")
    assert known < star.scalar("select min(prediction_at) from training.trn_late where split = 'test'")


def test_the_hash_is_the_same_for_the_same_rows_in_any_order_and_after_a_reload(star, tmp_path):
    first = build_training_set(star, declared(tmp_path))
    for table in ("core.fct_flight", "features.ftr_flight__schedule", "features.ftr_flight__state"):
        schema, name = table.split(".")
        star.execute(f"create table {schema}.copied as select * from {table} order by md5(flight_key)")
        star.execute(f"drop table {table}; alter table {schema}.copied rename to {name}")
    assert build_training_set(star, declared(tmp_path)).content_sha256 == first.content_sha256
    star.execute(
        "create table training.shuffled as select * from training.trn_late order by label, flight_key desc"
    )
    assert content_hash(star, "training", "shuffled")[0] == first.content_sha256


@pytest.mark.parametrize(
    "change",
    [
        "update {t} set departure_hour = departure_hour + 1e-9 where flight_key > 'ff'",
        "update {t} set label = not label where flight_key = (select max(flight_key) from {t})",
        "update {t} set carrier_id = null where flight_key = (select max(flight_key) from {t})",
        "delete from {t} where flight_key = (select max(flight_key) from {t})",
        "alter table {t} rename column is_even to is_odd",
        "alter table {t} alter column departure_hour type integer",
    ],
)
def test_the_hash_changes_with_any_value_row_name_or_type(star, tmp_path, change):
    built = build_training_set(star, declared(tmp_path))
    star.execute(change.format(t="training.trn_late"))
    assert content_hash(star, "training", "trn_late")[0] != built.content_sha256


def test_two_rows_that_swap_a_value_change_the_hash(star, tmp_path):
    built = build_training_set(star, declared(tmp_path))
    star.execute(
        """update training.trn_late set departure_hour = 99 - departure_hour where flight_key in
           (select min(flight_key) from training.trn_late where departure_hour = 12
            union select min(flight_key) from training.trn_late where departure_hour = 13)"""
    )
    assert content_hash(star, "training", "trn_late")[0] != built.content_sha256


STATE = "features.ftr_flight__state"
SCHEDULE = "features.ftr_flight__schedule"
UNKNOWN = {
    "feature": (
        ("name: queue_count", "name: queue_size"),
        ["features[2]", "'queue_size'", STATE, "count, is_even"],
    ),
    "feature table": (
        ("ftr_flight__state, kind: n", "ftr_flight__fog, kind: n"),
        ["no table features.ftr_flight__fog"],
    ),
    "kind": (
        (f"{SCHEDULE}, kind: category", f"{SCHEDULE}, kind: number"),
        ["features[0]", "type text", "double"],
    ),
    "label": (("column: is_late", "column: delay_min"), ["label.column", "type numeric", "boolean"]),
    "known_at": (("known_at: outcome_known_at", "known_at: flight_date"), ["label.known_at", "type date"]),
    "where": (("where: is_arrived", "where: carrier_id"), ["label.where", "type text"]),
    "key": (
        ("key_column: flight_key", "key_column: flight_id"),
        ["key_column", "'flight_id'", "core.fct_flight"],
    ),
    "dates": (
        ("2013-04-01, test_end: 2013-04-30", "2014-04-01, test_end: 2014-04-30"),
        ["field split", "0 test"],
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_the_warehouse_does_not_hold_is_named_and_the_old_set_stays(star, tmp_path, name):
    change, told = UNKNOWN[name]
    before = build_training_set(star, declared(tmp_path))
    with pytest.raises(TrainingSetError) as error:
        build_training_set(star, declared(tmp_path, change))
    for part in ["ml/models/late.yml", *told]:
        assert part in str(error.value)
    assert content_hash(star, "training", "trn_late")[0] == before.content_sha256
    assert not star.table_exists("training", "trn_late__next")


BAD_ROWS = {
    "double_keys": [f"insert into {STATE} select * from {STATE} limit 1"],
    "features_too_late": [f"update {STATE} set known_at = prediction_at + interval '1 second'"],
    "features_too_late [1-9]": [f"update {table} set known_at = null" for table in (STATE, SCHEDULE)],
    "labels_too_early": [
        "update core.fct_flight set outcome_known_at = scheduled_departure_at - interval '2 hours'"
    ],
    "without_prediction_time": [f"update {table} set prediction_at = null" for table in (STATE, SCHEDULE)],
}


@pytest.mark.parametrize("told", BAD_ROWS)
def test_rows_from_the_future_or_twice_stop_the_build(star, tmp_path, told):
    before = build_training_set(star, declared(tmp_path))
    for statement in BAD_ROWS[told]:
        star.execute(statement)
    with pytest.raises(TrainingSetError, match=told):
        build_training_set(star, declared(tmp_path))
    assert content_hash(star, "training", "trn_late")[0] == before.content_sha256


def test_a_regression_label_is_double_precision_even_from_numeric(star, tmp_path):
    build_training_set(star, declared(tmp_path, *REGRESSION))
    types = star.query(
        "select data_type from information_schema.columns "
        "where table_schema = 'training' and column_name = 'label'"
    )
    assert types == [{"data_type": "double precision"}]


def test_rebuilding_leaves_one_table_with_its_primary_key(star, tmp_path):
    for _ in range(2):
        build_training_set(star, declared(tmp_path))
    found = star.query(
        "select conname from pg_constraint where conrelid = 'training.trn_late'::regclass and contype = 'p'"
    )
    assert found == [{"conname": "trn_late_pkey"}]
    tables = star.query("select tablename from pg_tables where schemaname = 'training'")
    assert tables == [{"tablename": "trn_late"}]
    assert "sha256" in star.scalar(f"select obj_description('{quote('training', 'trn_late')}'::regclass)")
