"""Schema ml: made twice and by two at once without harm, and its constraints refuse what must not be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ml.registry_schema import ensure_model
from tests.ml.small_model import champion_late
from warehouse.client import WarehouseError, open_warehouse

TABLES = {
    "champion_sql", "contest", "golden_rows", "parity_check", "scoring_calibration", "training_calibration",
    "training_plan",
    "artifact", "model_version", "model_metric", "model_curve", "feature_importance", "gate_result",
    "model_champion", "promotion_event", "prediction", "drift", "drift_bin", "drift_bin_count",
}  # fmt: skip


def tables(wh):
    return {
        r["table_name"]
        for r in wh.query("select table_name from information_schema.tables where table_schema = 'ml'")
    }


def test_it_is_idempotent(wh):
    for _ in range(2):
        ensure_model(wh, "late")
    assert tables(wh) == TABLES | {"prd_late", "mon_late"}


def test_once_made_it_waits_for_nobody(fresh_database):
    """A session in the middle of a registration holds locks that the DDL would wait for."""
    settings = fresh_database()
    with open_warehouse(settings) as wh, open_warehouse(settings) as other, other.transaction():
        ensure_model(wh, "late")
        other.execute("lock table ml.artifact, ml.model_version in row exclusive mode")
        wh.execute("set lock_timeout = 100")
        ensure_model(wh, "late")


def test_another_definition_is_brought_up_to_date(wh):
    ensure_model(wh, "late")
    wh.execute("drop table ml.model_curve; comment on schema ml is 'older'")
    ensure_model(wh, "late")
    assert tables(wh) == TABLES | {"prd_late", "mon_late"}


def test_two_sessions_at_once_make_it_once(fresh_database):
    settings = fresh_database()

    def make(name):
        with open_warehouse(settings) as wh:
            ensure_model(wh, name)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, ["late", "late", "other", "other"]))
    with open_warehouse(settings) as wh:
        assert tables(wh) == TABLES | {"prd_late", "mon_late", "prd_other", "mon_other"}


def test_the_longest_name_a_model_may_have_fits(wh):
    ensure_model(wh, "a" * 46)
    with pytest.raises(ValueError, match="at most 46"):
        ensure_model(wh, "a" * 47)


@pytest.mark.parametrize(
    "name", ["", "Late", "1late", "late-x", "late'); drop schema ml cascade; --", "läte", "late\n"]
)
def test_a_name_that_is_no_identifier_is_refused(wh, name):
    with pytest.raises(ValueError, match="model name"):
        ensure_model(wh, name)


NEW = (
    "model_name, flight_key, flight_date, prediction_at, model_version, margin, features_hash, score, "
    "scored_at"
)
KEYS, OTHER = (f"'{name}', 'k', '2013-01-01', now()" for name in ("late", "other"))


@pytest.mark.parametrize(
    "statement",
    [
        # content under an address that is not its own
        "insert into ml.artifact values (repeat('0', 64), 'x', 'skops', 1)",
        "insert into ml.artifact values (encode(sha256('x'), 'hex'), 'x', 'pickle', 1)",
        "insert into ml.artifact values (encode(sha256('x'), 'hex'), 'x', 'skops', 2)",
        # written rows stay
        "update ml.artifact set format = 'skops'",
        "update ml.model_version set code_version = 'x'",
        "update ml.promotion_event set reason = 'x'",
        "delete from ml.promotion_event",
        # one champion a model, and it exists
        "insert into ml.model_champion values ('late', 1, now())",
        "insert into ml.model_champion values ('other', 1, now())",
        "update ml.model_champion set version = 2",
        "delete from ml.model_version",
        "delete from ml.artifact",
        "insert into ml.promotion_event (model_name, action, to_version, actor, reason) "
        "values ('late', 'seize', 1, 'a', 'b')",
        "insert into ml.promotion_event (model_name, action, to_version, actor, reason) "
        "values ('late', 'promote', 1, '', 'b')",
        # a score is a number, of a version that exists, of a model that has a partition, decided by its
        # threshold
        f"insert into ml.prediction ({NEW}) values ({KEYS}, 1, 0.0, 7, 'NaN', now())",
        f"insert into ml.prediction ({NEW}) values ({KEYS}, 1, 0.0, 7, '-infinity', now())",
        f"insert into ml.prediction ({NEW}) values ({KEYS}, 2, 0.0, 7, 0.5, now())",
        f"insert into ml.prediction ({NEW}) values ({OTHER}, 1, 0.0, 7, 0.5, now())",
        f"insert into ml.prediction ({NEW}, threshold, is_positive) "
        f"values ({KEYS}, 1, 0.0, 7, 0.5, now(), 0.6, null)",
    ],
)
def test_the_database_refuses(house_of_late, statement):
    with pytest.raises(WarehouseError):
        house_of_late.execute(statement)


@pytest.fixture(scope="module")
def house_of_late(server):
    """One champion in a database of its own; every statement tried on it fails, so all tests share it."""
    from dataclasses import replace

    from tests.conftest import create_database, drop_database

    settings = replace(server, database="t_ml_registry_schema")
    create_database(server, settings.database)
    with open_warehouse(settings) as wh:
        champion_late(wh)
        yield wh
    drop_database(server, settings.database)


def test_what_is_right_is_taken(wh):
    champion_late(wh)
    assert wh.execute(f"insert into ml.prediction ({NEW}) values ({KEYS}, 1, 0.0, 7, 0.5, now())") == 1
    with pytest.raises(WarehouseError):
        wh.execute(f"insert into ml.prediction ({NEW}) values ({KEYS}, 1, 0.0, 7, 0.6, now())")
