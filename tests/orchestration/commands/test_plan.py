"""`starhouse plan`: where a model scores, and how it was trained, each with estimate and reason."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from ml.indb.training_plan import TrainingPlan
from ml.indb.training_record import record_training
from ml.indb.way_costs import Estimate
from ml.indb.work_statistics import WorkStatistics
from orchestration.cli import app
from orchestration.commands import plan as plan_command
from tests.ml.small_model import champion_late
from warehouse.client import Warehouse


@pytest.fixture
def printed(wh: Warehouse, monkeypatch: pytest.MonkeyPatch):
    """What the command prints of the small star's model."""

    @contextmanager
    def opened():
        yield wh

    monkeypatch.setattr(plan_command, "_warehouse", opened)
    monkeypatch.setattr("orchestration.commands.models.names_of", lambda model: ["late"])

    def run() -> str:
        done = CliRunner().invoke(app, ["plan", "late", "--job", "none"])
        assert done.exit_code == 0, done.output
        return done.output

    return run


def test_it_prints_scoring_and_training(wh: Warehouse, printed):
    assert "late has no champion: run `starhouse train late` first" in printed()
    champion_late(wh)
    text = printed()
    assert "late, version 1, scores: " in text and "not trained in the warehouse yet" in text
    ways = (Estimate("joined", 1.25, 4_000), Estimate("export", 6.5, 168_000_000))
    plan = TrainingPlan("cofactors", "joined", "joined is the quickest", False, ways, WorkStatistics(9, 8.0))
    record_training(wh, "late", plan, 1.5, 4_100, version=1)
    text = printed()
    assert "late, version 1, trained: joined of " in text and "joined is the quickest." in text
    assert "took 1.50 s with 4.1 kB out (estimated 1.25 s with 4.0 kB)" in text
