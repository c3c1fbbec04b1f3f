"""Contenders of a small model, trained as a run trains them: both become versions, one is put up."""

from __future__ import annotations

import pytest

from ml import registry, train_in_warehouse
from ml.indb import training_plan
from ml.spec_fields import Algorithm, Challenger
from orchestration.stages.contenders import train_contenders
from orchestration.stages.model_pages import fitted_metadata
from orchestration.stages.standing import candidate_version
from orchestration.summary import contest_lines
from tests.ml.small_star import REGRESSION, build_star, declared

LIGHT = Algorithm(name="lightgbm", params={"n_estimators": 10, "num_leaves": 4, "min_child_samples": 20})


@pytest.fixture(autouse=True)
def no_calibration(monkeypatch):
    """The star is small, and what the server's sums cost is another test's matter."""
    monkeypatch.setattr(training_plan, "FEW_ROWS", 10_000)
    monkeypatch.setattr(train_in_warehouse, "FEW_ROWS", 10_000)


def trained(wh, spec, is_forced=False, code="code"):
    said: list[str] = []
    return train_contenders(wh, spec, is_forced, code, said.append), said


def challenged(spec, name, **params):
    challenger = Challenger(algorithm=Algorithm(name=name, params=params))
    return spec.model_copy(update={"algorithm": LIGHT, "challenger": challenger})


def test_both_become_versions_and_the_better_one_is_put_up(wh, tmp_path):
    build_star(wh)
    spec = challenged(declared(tmp_path), "lda")
    outcome, said = trained(wh, spec)
    rows = {row["contender"]: row for row in outcome.contest}
    assert [rows[name]["version"] for name in ("declared", "challenger")] == [1, 2]
    assert [version.algorithm for version in registry.versions(wh, "late")] == ["lightgbm", "lda"]
    better = min(rows.values(), key=lambda row: row["value"])
    assert better["is_winner"] and outcome.version == better["version"]
    assert outcome.is_passed and outcome.is_equal and not outcome.is_reused
    assert candidate_version(wh, "late").version == outcome.version
    assert any(line.startswith("challenger of late: ") for line in said)
    page = fitted_metadata(wh, spec, outcome.version, outcome.is_reused, outcome.contest)
    assert page["challenger_bytes_out"] > 0 and page["challenger_plan"].startswith("joined: ")
    assert "put up" in page["contest"].value and rows["declared"]["reason"] in page["contest"].value
    shown = contest_lines({"model": "late", "contest": outcome.contest})
    assert any("challenger (lda, in the warehouse)" in line for line in shown)

    again, _ = trained(wh, spec)
    assert again.is_reused and again.contest == outcome.contest
    assert len(registry.versions(wh, "late")) == 2, "the same rows, declarations and code"

    other, _ = trained(wh, challenged(declared(tmp_path), "lda", shrinkage=0.5))
    assert [row["version"] for row in other.contest] == [1, 3], "only what was declared anew is fitted anew"


def test_a_challenger_that_fails_stops_nothing(wh, tmp_path):
    build_star(wh)
    spec = challenged(declared(tmp_path, *REGRESSION), "gamma")  # which takes no delay below 0
    outcome, said = trained(wh, spec)
    assert outcome.version == 1 and outcome.is_passed and outcome.is_equal
    declared_row, challenger = outcome.contest
    assert declared_row["is_winner"] and challenger["version"] is None
    assert challenger["reason"].startswith("did not train: model late: target 'label'")
    assert any("did not train" in line for line in said)
    assert fitted_metadata(wh, spec, 1, False, outcome.contest)["algorithm"] == "lightgbm"


def test_a_winner_that_a_gate_refuses_is_not_put_up(wh, tmp_path):
    build_star(wh)
    spec = challenged(declared(tmp_path), "lda")
    strict = spec.gates[0].model_copy(update={"at_least": 0.99})
    outcome, _ = trained(wh, spec.model_copy(update={"gates": (strict, *spec.gates[1:])}))
    assert not outcome.is_passed and outcome.version == 1
    assert not any(row["is_winner"] for row in outcome.contest)
    assert all(row["reason"].startswith("refused by its gates: auc at least 0.99") for row in outcome.contest)
