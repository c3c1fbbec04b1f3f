"""Promotion only through the gates, back by history, and one at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ml import registry
from ml.registry import PromotionError, RegistryError, champion, history, promote, rollback
from tests.ml.small_model import fitted_late, registered_late
from warehouse.client import open_warehouse


def in_charge(wh):
    found = champion(wh, "late")
    return found and found.version


def test_a_version_that_passed_is_promoted_and_the_event_kept(wh):
    registered_late(wh, versions=2)
    assert promote(wh, "late", 1, "ana", "first").version == 1 == in_charge(wh)
    assert promote(wh, "late", 2, "bo", "better").version == 2 == in_charge(wh)
    events = history(wh, "late")
    assert [(e.action, e.from_version, e.to_version, e.actor, e.reason) for e in events] == [
        ("promote", None, 1, "ana", "first"),
        ("promote", 1, 2, "bo", "better"),
    ]
    assert all(e.occurred_at.utcoffset().total_seconds() == 0 for e in events)


def test_promoting_the_champion_again_changes_nothing(wh):
    registered_late(wh)
    promote(wh, "late", 1, "ana", "first")
    promote(wh, "late", 1, "ana", "again")
    assert len(history(wh, "late")) == 1


def fail_gate(wh, version, number):
    results = registry.judge_version(wh, "late", version.version)
    results[number] = replace(results[number], is_passed=False, reason="refused: too low")
    registry.record_gates(wh, version, results)


@pytest.mark.parametrize("number", [0, 1])
def test_one_failed_gate_refuses_and_the_champion_stays(wh, number):
    _, second = registered_late(wh, versions=2)
    promote(wh, "late", 1, "ana", "first")
    fail_gate(wh, second, number)
    with pytest.raises(PromotionError, match=r"1 of 2 gates refused it.*too low"):
        promote(wh, "late", 2, "bo", "please")
    assert in_charge(wh) == 1 and len(history(wh, "late")) == 1


@pytest.mark.parametrize("kept", [0, 1])
def test_a_gate_not_judged_refuses(wh, kept):
    (version,) = registered_late(wh)
    registry.record_gates(wh, version, registry.judge_version(wh, "late", 1)[:kept])
    with pytest.raises(PromotionError, match=f"{kept} of its 2 declared gates were judged"):
        promote(wh, "late", 1, "bo", "please")
    assert in_charge(wh) is None


def test_a_bad_model_is_refused_by_its_own_metrics(wh):
    """From measured to refused, nothing set by hand: the metrics of a useless model."""
    fitted, training_set = fitted_late(wh)
    metrics = [replace(m, value=0.5, ci_low=-0.1, ci_high=0.6) for m in fitted.metrics]
    registry.register(wh, replace(fitted, metrics=metrics), training_set, "x")
    assert [r.is_passed for r in registry.judge_version(wh, "late", 1)] == [False, False]
    with pytest.raises(PromotionError, match="2 of 2 gates refused it"):
        promote(wh, "late", 1, "bo", "please")


@pytest.mark.parametrize(("actor", "reason"), [("", "r"), ("  ", "r"), ("a", ""), (None, "r")])
def test_actor_and_reason_are_needed(wh, actor, reason):
    registered_late(wh)
    with pytest.raises(PromotionError, match="a text is needed"):
        promote(wh, "late", 1, actor, reason)
    with pytest.raises(PromotionError, match="a text is needed"):
        rollback(wh, "late", actor, reason)


def test_an_unknown_version_is_refused(wh):
    registered_late(wh)
    with pytest.raises(RegistryError, match="registered: 1"):
        promote(wh, "late", 7, "bo", "please")


def test_promotion_without_a_registry_is_refused(wh):
    with pytest.raises(RegistryError, match="registered: none"):
        promote(wh, "late", 1, "bo", "please")
    with pytest.raises(PromotionError, match="no champion"):
        rollback(wh, "late", "bo", "please")


def corrupt(wh, version):
    """A bit flips on the disk: past trigger and check, as bad hardware or a superuser would."""
    wh.execute(
        "alter table ml.artifact disable trigger all; alter table ml.artifact drop constraint artifact_check1"
    )
    wh.execute(
        "update ml.artifact set content = set_byte(content, 100, get_byte(content, 100) # 1) "
        "where sha256 = %(a)s",
        {"a": version.artifact_sha256},
    )


def test_a_damaged_artifact_is_not_promoted(wh):
    (version,) = registered_late(wh)
    corrupt(wh, version)
    with pytest.raises(PromotionError, match="missing or changed"):
        promote(wh, "late", 1, "bo", "please")


def test_rollback_goes_back_step_by_step_and_then_refuses(wh):
    registered_late(wh, versions=4)
    for version in (1, 2, 3):
        promote(wh, "late", version, "ana", "up")
    assert [rollback(wh, "late", "bo", "down").version for _ in range(2)] == [2, 1]
    with pytest.raises(PromotionError, match="none before it"):
        rollback(wh, "late", "bo", "down")
    assert in_charge(wh) == 1
    promote(wh, "late", 4, "ana", "up")
    assert rollback(wh, "late", "bo", "down").version == 1 == in_charge(wh)
    last = history(wh, "late")[-1]
    assert (last.action, last.from_version, last.to_version) == ("rollback", 4, 1)


def test_rollback_without_a_champion_is_refused(wh):
    registered_late(wh)
    with pytest.raises(PromotionError, match="no champion to roll back"):
        rollback(wh, "late", "bo", "down")


def test_a_failed_transaction_leaves_the_old_champion(wh):
    registered_late(wh, versions=2)
    promote(wh, "late", 1, "ana", "first")
    with pytest.raises(RuntimeError), wh.transaction():
        promote(wh, "late", 2, "bo", "better")
        raise RuntimeError("the caller's transaction fails afterwards")
    assert in_charge(wh) == 1 and len(history(wh, "late")) == 1


def test_promotions_at_once_are_done_one_after_the_other(fresh_database):
    settings = fresh_database()
    with open_warehouse(settings) as wh:
        registered_late(wh, versions=6)
    start = threading.Barrier(6)

    def run(version):
        with open_warehouse(settings) as wh:
            start.wait()
            promote(wh, "late", version, f"actor {version}", "race")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(run, range(1, 7)))
    with open_warehouse(settings) as wh:
        events = history(wh, "late")
        assert sorted(e.to_version for e in events) == [1, 2, 3, 4, 5, 6]
        # Each saw the champion its predecessor left: the history is one chain.
        assert [e.from_version for e in events] == [None, *(e.to_version for e in events[:-1])]
        assert in_charge(wh) == events[-1].to_version


def test_registrations_at_once_get_numbers_of_their_own(fresh_database):
    settings = fresh_database()
    with open_warehouse(settings) as wh:
        fitted, training_set = fitted_late(wh)

    def run(_):
        with open_warehouse(settings) as wh:
            return registry.register(wh, fitted, training_set, "race").version

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(run, range(4))) == [1, 2, 3, 4]
