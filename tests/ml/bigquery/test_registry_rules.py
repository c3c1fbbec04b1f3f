"""A row that breaks a rule of the registry is refused on both engines, with the same code and constraint:
by Postgres itself, and on BigQuery (executed by the emulator) by the question asked before the end.
"""

from __future__ import annotations

import hashlib

import pytest

from ml.registry_schema import ensure_schema
from warehouse.client import WarehouseError
from warehouse.client.rules import rules_of

CONTENT = b"\x00a 'document'\\"
ADDRESS = hashlib.sha256(CONTENT).hexdigest()
ARTIFACT = {"sha256": ADDRESS, "content": CONTENT, "format": "document", "size_bytes": len(CONTENT)}
VERSION = {
    "model_name": "late", "version": 1, "task": "classification", "algorithm": "lightgbm", "spec": "{}",
    "params": "{}", "cv_results": "[]", "train_start": "2013-01-01", "train_end": "2013-01-31",
    "test_start": "2013-02-01", "test_end": "2013-02-28", "training_relation": "training.trn_late",
    "training_rows": 10, "test_rows": 0, "training_set_sha256": "0" * 64, "code_version": "c",
    "libraries": "{}",
    "artifact_sha256": ADDRESS, "trained_at": "2013-03-01 00:00:00+00", "seconds": 0.5, "bytes_out": 0,
}  # fmt: skip
METRIC = {"model_name": "late", "version": 1, "split": "test", "subject": "model", "metric": "auc", "n": 3}
GATE = {
    "model_name": "late", "version": 1, "gate_number": 0, "gate": "g", "metric": "auc", "split": "test",
    "criterion": "at_least", "threshold": 0.5, "is_passed": True, "reason": "r",
}  # fmt: skip
CHAMPION = {"model_name": "late", "version": 1, "promoted_at": "2013-03-01 00:00:00+00"}
EVENT = {
    "model_name": "late", "action": "promote", "from_version": None, "to_version": 1, "actor": "a",
    "reason": "r",
}  # fmt: skip
CONTEST = {
    "model_name": "late", "contest": 1, "contender": "declared", "engine": "library", "algorithm": "x",
    "version": 1, "metric": "auc", "is_winner": True, "reason": "r",
}  # fmt: skip
PARITY = {
    "model_name": "late", "version": 1, "surface": "sql", "rows_compared": 3, "rows_different": 0,
    "examples": "[]", "is_equal": True,
}  # fmt: skip
PLAN = {
    "model_name": "late", "trainer": "trees", "way": "cells", "is_asked": False, "reason": "r",
    "estimates": "{}", "statistics": "{}", "actual_seconds": 0.5, "actual_bytes_out": 1,
}  # fmt: skip

WRONG = [
    ("artifact", ARTIFACT, {}, "artifact_pkey"),
    ("artifact", ARTIFACT, {"format": "pickle"}, "artifact_format_check"),
    ("artifact", ARTIFACT, {"sha256": "1" * 64, "size_bytes": 3}, "artifact_check"),
    ("artifact", ARTIFACT, {"sha256": "1" * 64}, "artifact_check1"),
    ("model_version", VERSION, {}, "model_version_pkey"),
    ("model_version", VERSION, {"version": 0}, "model_version_version_check"),
    ("model_version", VERSION, {"version": 2, "task": "other"}, "model_version_task_check"),
    ("model_version", VERSION, {"version": 2, "train_end": "2012-12-31"}, "model_version_check"),
    ("model_version", VERSION, {"version": 2, "test_start": "2013-01-31"}, "model_version_check1"),
    ("model_version", VERSION, {"version": 2, "training_rows": 0}, "model_version_training_rows_check"),
    ("model_version", VERSION, {"version": 2, "test_rows": -1}, "model_version_test_rows_check"),
    ("model_version", VERSION, {"version": 2, "training_set_sha256": "x"},
     "model_version_training_set_sha256_check"),
    ("model_version", VERSION, {"version": 2, "seconds": -1.0}, "model_version_seconds_check"),
    ("model_version", VERSION, {"version": 2, "bytes_out": -1}, "model_version_bytes_out_check"),
    ("model_version", VERSION, {"version": 2, "artifact_sha256": "1" * 64},
     "model_version_artifact_sha256_fkey"),
    ("model_version", VERSION, {"version": 2, "estimator_sha256": "1" * 64},
     "model_version_estimator_sha256_fkey"),
    ("model_metric", METRIC, {"version": 9}, "model_metric_model_name_version_fkey"),
    ("model_metric", METRIC, {"subject": "other"}, "model_metric_subject_check"),
    ("model_metric", METRIC, {"n": -1}, "model_metric_n_check"),
    ("gate_result", GATE, {"criterion": "other"}, "gate_result_criterion_check"),
    ("model_champion", CHAMPION, {"version": 9}, "model_champion_model_name_version_fkey"),
    ("promotion_event", EVENT, {"action": "other"}, "promotion_event_action_check"),
    ("promotion_event", EVENT, {"actor": ""}, "promotion_event_actor_check"),
    ("promotion_event", EVENT, {"reason": ""}, "promotion_event_reason_check"),
    ("promotion_event", EVENT, {"from_version": 1}, "promotion_event_check"),
    ("promotion_event", EVENT, {"from_version": 9}, "promotion_event_model_name_from_version_fkey"),
    ("promotion_event", EVENT, {"to_version": 9}, "promotion_event_model_name_to_version_fkey"),
    ("contest", CONTEST, {"contest": 0}, "contest_contest_check"),
    ("contest", CONTEST, {"reason": ""}, "contest_reason_check"),
    ("contest", CONTEST, {"contender": "another"}, "contest_has_one_winner"),
    ("parity_check", PARITY, {"is_equal": False}, "parity_check_check"),
    ("training_plan", PLAN, {"trainer": "other"}, "training_plan_trainer_check"),
    ("training_plan", PLAN, {"actual_seconds": -1.0}, "training_plan_actual_seconds_check"),
]  # fmt: skip
"""Table, a right row, what is wrong with it, and the constraint that says so."""


def insert(wh, table, row):
    columns, values = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    wh.execute(f"insert into ml.{table} ({columns}) values ({values})", row)


def fill(wh):
    ensure_schema(wh)
    for table, row in (
        ("artifact", ARTIFACT), ("model_version", VERSION), ("contest", CONTEST), ("promotion_event", EVENT),
    ):  # fmt: skip
        insert(wh, table, row)


def refusals(wh):
    found = {}
    for table, row, change, constraint in WRONG:
        with pytest.raises(WarehouseError) as refused:
            insert(wh, table, row | change)
        found[table, constraint] = (refused.value.sqlstate, refused.value.constraint)
    return found


CHANGES = [
    ("update ml.artifact set format = 'skops'", "P0001"),
    ("update ml.model_version set algorithm = 'other'", "P0001"),
    ("update ml.promotion_event set actor = 'other'", "P0001"),
    ("delete from ml.promotion_event", "P0001"),
    ("delete from ml.model_version", "23503"),
    ("delete from ml.artifact", "23503"),
]


def test_postgres_names_what_the_definitions_declare(wh):
    fill(wh)
    assert refusals(wh) == {(table, name): (code_of(table, name), name) for table, _, _, name in WRONG}
    refuse_changes(wh)


@pytest.mark.slow
def test_bigquery_refuses_the_same_rows(bigquery_wh):
    fill(bigquery_wh)
    before = [bigquery_wh.scalar(f"select count(*) from ml.{table}") for table, *_ in WRONG]
    assert refusals(bigquery_wh) == {
        (table, name): (code_of(table, name), name) for table, _, _, name in WRONG
    }
    refuse_changes(bigquery_wh)
    assert [bigquery_wh.scalar(f"select count(*) from ml.{table}") for table, *_ in WRONG] == before
    with bigquery_wh.transaction():
        insert(bigquery_wh, "promotion_event", EVENT | {"actor": "second"})
        insert(bigquery_wh, "promotion_event", EVENT | {"actor": "third"})
    rows = bigquery_wh.query("select event_id, actor from ml.promotion_event order by event_id")
    assert [(row["event_id"], row["actor"]) for row in rows] == [(1, "a"), (2, "second"), (3, "third")]


def refuse_changes(wh):
    for sql, code in CHANGES:
        with pytest.raises(WarehouseError) as refused:
            wh.execute(sql)
        assert refused.value.sqlstate == code


def code_of(table, name):
    return next(rule.sqlstate for rule in rules_of(f"ml.{table}").rules if rule.name == name)
