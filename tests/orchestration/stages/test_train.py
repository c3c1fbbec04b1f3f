"""Training as a run: unchanged models are not fitted again, and what fails its gates goes no further."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
import numpy as np
import pytest

from ml.spec import Algorithm, Gate, ModelSpec, load_specs
from orchestration.stages.house import END_TAG, FORCE_TAG, START_TAG, House
from orchestration.stages.model_keys import owner_of
from orchestration.stages.score import score_assets
from orchestration.stages.train import train_assets
from warehouse.client import Settings, open_warehouse

DECLARED = load_specs()["late_arrival"]
ONE_DAY = {START_TAG: "2013-12-24", END_TAG: "2013-12-24"}  # to score


def small(**changes: Any) -> ModelSpec:
    """The declared model on six weeks and with a plain algorithm, to be fitted in seconds."""
    split = DECLARED.split.model_copy(
        update={
            "train_start": DECLARED.split.train_end.replace(day=1),
            "test_end": DECLARED.split.test_start.replace(day=14),
        }
    )
    algorithm = Algorithm(name="logistic", params={}, grid={})
    gates = (Gate(metric="auc", at_least=0.55),)
    alone = {"split": split, "algorithm": algorithm, "challenger": None, "gates": gates}
    return DECLARED.model_copy(update={**alone, **changes})


def run(settings: Settings, spec: ModelSpec, **tags: str) -> tuple[bool, list[str], dict[str, bool]]:
    """Success, the assets materialized, and the checks' verdicts of a run from training to scoring."""
    defs = dg.Definitions(
        assets=[*train_assets(spec), *score_assets(spec)],
        resources={"house": House.of(settings)},
        jobs=[dg.define_asset_job("all")],
        executor=dg.in_process_executor,
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("all").execute_in_process(
            raise_on_error=False, instance=instance, tags={**ONE_DAY, **tags}
        )
    made = [event.asset_key.to_user_string() for event in result.get_asset_materialization_events()]
    verdicts = {each.check_name: each.passed for each in result.get_asset_check_evaluations()}
    return result.success, made, verdicts


def standing(settings: Settings) -> dict[str, Any]:
    with open_warehouse(settings) as wh:
        return wh.query(
            """select (select count(*) from ml.model_version where model_name = 'late_arrival') as versions,
                      (select version from ml.model_champion where model_name = 'late_arrival') as champion,
                      (select max(scored_at) from ml.prediction where model_name = 'late_arrival')
                          as scored_at"""
        )[0]


def test_a_version_that_fails_its_gates_is_kept_but_changes_nothing(
    house_copy: Callable[[], Settings],
) -> None:
    settings = house_copy()
    before = standing(settings)
    success, made, verdicts = run(settings, small(gates=(Gate(metric="auc", at_least=0.99),)))
    assert not success
    assert verdicts == {"gates": False, "parity": True}
    assert made == ["training/trn_late_arrival", "ml/mdl_late_arrival"]
    after = standing(settings)
    assert after == {**before, "versions": before["versions"] + 1}


def test_a_version_that_passes_is_promoted_and_scores_and_is_fitted_once(
    house_copy: Callable[[], Settings],
) -> None:
    settings = house_copy()
    before = standing(settings)
    success, made, verdicts = run(settings, small())
    assert success
    assert verdicts == {"gates": True, "parity": True}
    assert made[-2:] == ["ml/champion_late_arrival", "ml/prd_late_arrival"]
    promoted = standing(settings)
    assert promoted["champion"] == promoted["versions"] == before["versions"] + 1
    assert promoted["scored_at"] > before["scored_at"]

    assert run(settings, small())[0]
    assert standing(settings)["versions"] == promoted["versions"], "the same rows, declaration and code"

    with open_warehouse(settings) as wh:
        from ml import registry

        registry.rollback(wh, "late_arrival", actor="a person", reason="for reasons of their own")
    assert run(settings, small())[0]
    assert standing(settings)["champion"] == before["champion"], "a run does not undo a rollback"

    assert run(settings, small(), **{FORCE_TAG: "true"})[0]
    assert standing(settings)["versions"] == promoted["versions"] + 1


def test_a_version_whose_evaluators_differ_goes_no_further(
    house_copy: Callable[[], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml.document import Answers
    from serving import candidate

    def one_bit_off(client: Any, predictor: Any, table: Any) -> Answers:
        answers = answered(client, predictor, table)
        margins = answers.margins.copy()
        margins[0, 0] = np.nextafter(margins[0, 0], np.inf)
        return Answers(margins, answers.scores, answers.decision)

    answered = candidate._answers
    monkeypatch.setattr(candidate, "_answers", one_bit_off)
    settings = house_copy()
    before = standing(settings)
    success, made, verdicts = run(settings, small())
    assert not success and verdicts == {"gates": True, "parity": False}
    assert made == ["training/trn_late_arrival", "ml/mdl_late_arrival"]
    assert standing(settings) == {**before, "versions": before["versions"] + 1}


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        ("a.person@example.org", "a.person@example.org"),
        ("team:data", "team:data"),
        ("Data Science", "team:Data_Science"),
        ("flight-operations", "team:flight_operations"),
    ],
)
def test_an_owner_becomes_one_dagster_accepts(declared: str, shown: str) -> None:
    assert owner_of(declared) == shown
    dg.AssetSpec("any", owners=[owner_of(declared)])
