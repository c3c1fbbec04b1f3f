"""`starhouse plan`: what a job would read, as a table and as JSON; a budget stops a job before it starts."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import contextmanager

import pytest
from rich.console import Console
from typer.testing import CliRunner

from ml.cost import model_steps
from ml.training_set import build_training_set
from orchestration import dbt_compiled, estimate
from orchestration.cli import app
from orchestration.commands import plan as plan_command
from orchestration.commands.plan import cost_table
from orchestration.estimate import budget_of, job_steps, keep_job_within, window_of
from tests.ml.small_model import late_spec
from tests.ml.small_star import MODEL, build_star, declared
from warehouse.client import SettingsError, load_settings, open_warehouse
from warehouse.client.cost import BudgetError, Step, StepCost, estimated

BUILT = [
    Step("build", "build core.fct_flight", "select * from core.fct_flight", is_own=True),
    Step("build", "build core.v", note="a view"),
    Step("score", "build reporting.r", "select 1"),
]


@pytest.fixture
def house(wh, monkeypatch):
    """The small star, with its one model, and dbt's part given."""
    build_star(wh)

    @contextmanager
    def opened():
        yield wh

    monkeypatch.setattr(plan_command, "_warehouse", opened)
    monkeypatch.setattr("orchestration.commands.models.names_of", lambda model: ["late"])
    monkeypatch.setattr("ml.spec.load_specs", lambda: {"late": late_spec()})
    monkeypatch.setattr(dbt_compiled, "build_steps", lambda wh, settings, arguments: list(BUILT))
    return wh


def printed(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["plan", *arguments])
    return done.exit_code, done.output if done.exception is None else f"{done.output}{done.exception}"


def test_all_steps_stand_in_the_order_in_which_they_run(house):
    code, text = printed("--json")
    assert code == 0
    told = json.loads(text)
    assert [one["stage"] for one in told["steps"]] == [
        "load", "build", "build", "train", "train", "train", "score", "score", "monitor", "monitor",
    ]  # fmt: skip
    by_name = {one["step"]: one for one in told["steps"]}
    flights = house.scalar("select pg_table_size('core.fct_flight')")
    assert by_name["build core.fct_flight"]["bytes"] == flights
    assert by_name["build training.trn_late"]["bytes"] > flights
    fit = by_name["fit late"]
    assert fit["bytes"] is None and fit["unknown"] == "until training.trn_late is built"
    assert by_name["build core.v"]["bytes"] == 0 and by_name["build core.v"]["note"] == "a view"
    assert told["total"]["bytes"] == sum(one["bytes"] or 0 for one in told["steps"])
    assert told["total"]["unknown"] == 3 and told["total"]["dollars"] is None
    assert told["price_per_tib"] is None and all(one["dollars"] is None for one in told["steps"])


def test_what_is_built_is_known(house):
    build_training_set(house, late_spec())
    told = {one.step.name: one for one in estimated(house, model_steps(house, late_spec()))}
    size = house.scalar("select pg_table_size('training.trn_late')")
    assert told["fit late"].bytes == size and told["fingerprint training.trn_late"].bytes == size


def test_a_table_with_its_total_is_printed(house):
    code, text = printed("late", "--job", "all")
    assert code == 0 and "late has no champion" in text
    assert "What this would read" in text and "total" in text and "3 steps unknown" in text
    assert "at most those of the tables" in text and "dollars" not in text
    code, text = printed("late")
    assert code == 0 and "core.fct_flight" not in text.replace("\n", "")
    code, text = printed("--job", "everything")
    assert code == 2 and "Allowed: all, load" in text


def test_dollars_stand_where_reading_is_billed():
    costs = [
        StepCost(Step("build", "a", "select 1"), 2**40),
        StepCost(Step("train", "b", "select 1", is_priced=False, times=3, note="models"), 3 * 2**30),
        StepCost(Step("score", "c", "select 1"), None, unknown="until x.y is built"),
    ]
    console = Console(width=120, record=True)
    console.print(cost_table(costs, 6.25))
    text = console.export_text()
    assert "6.2500" in text and "3 × models" in text and "until x.y is built" in text and "unknown" in text
    assert "1102.7 GB" in text


def test_a_budget_stops_a_job_before_it_starts(house, monkeypatch):
    code, text = printed("--budget", "1kB")
    assert code == 1 and "'build core.fct_flight' would read" in text and "budget of 1,000 bytes" in text
    settings = house.settings
    with pytest.raises(BudgetError, match="Job build was not started"):
        keep_job_within(house, settings, "build", 1000)
    keep_job_within(house, settings, "build", 10**12)
    keep_job_within(house, settings, "build", None)
    started = []

    @contextmanager
    def opened(_):
        yield house

    monkeypatch.setattr("warehouse.client.open_warehouse", opened)
    monkeypatch.setattr("orchestration.runner.run_job", lambda *_, **__: started.append(1))
    done = CliRunner().invoke(app, ["run", "build", "--budget", "1kB"])
    assert done.exit_code == 2 and "was not started" in done.output and not started
    done = CliRunner().invoke(app, ["run", "build", "--budget", "much"])
    assert done.exit_code == 2 and "The budget is 'much'" in done.output and not started


def test_a_budget_is_asked_for_or_in_the_url(house, tmp_path):
    url = "bigquery://a-project/f?budget_bytes=77&price_per_tib=2"
    settings = load_settings(env="test", home=tmp_path, database=None, warehouse_url=url)
    assert (budget_of(settings, None), budget_of(settings, "2kB"), estimate.price_of(settings)) == (
        77,
        2000,
        2.0,
    )
    assert budget_of(house.settings, None) is None
    with pytest.raises(SettingsError):
        budget_of(settings, "nothing")


def test_bigquery_ml_has_a_price_of_its_own_and_is_said_to_have_run_nowhere(house, tmp_path, monkeypatch):
    line = next(line for line in MODEL.splitlines() if line.startswith("algorithm:"))
    spec = declared(tmp_path, (line, "engine: bqml\nalgorithm: {name: logistic, grid: {l2_reg: [0.1, 1.0]}}"))
    monkeypatch.setattr("ml.spec.load_specs", lambda: {"late": spec})
    code, text = printed("late", "--job", "none")
    assert code == 0 and "judged as text only; ran nowhere" in text
    code, text = printed("late")
    assert code == 1 and "field engine is 'bqml'" in text and "BigQuery ML runs on BigQuery alone" in text

    class BigQuery:
        dialect = "bigquery"

    steps = {one.name: one for one in model_steps(BigQuery(), spec)}
    creates = steps["fit late: CREATE MODEL"]
    assert creates.times == 2 * 3 + 1 and not creates.is_priced and "price list of its own" in creates.note


def node(name: str, *reads: str, kind: str = "table", folder: str = "marts") -> dict:
    return {
        "resource_type": "model", "schema": "f_core", "name": name, "alias": name, "fqn": ["h", folder, name],
        "config": {"materialized": kind}, "compiled_code": f"select '{name}'",
        "depends_on": {"nodes": list(reads), "macros": []},
    }  # fmt: skip


def test_dbt_s_models_come_in_the_order_of_its_graph(wh, monkeypatch):
    nodes = {
        "model.h.a": node("a", "model.h.z"), "model.h.z": node("z", "source.h.raw"),
        "model.h.v": node("v", "model.h.a", kind="view"), "model.h.e": node("e", kind="ephemeral"),
        "model.h.r": node("r", "model.h.v", folder="reporting"),
        "test.h.t": {**node("t"), "resource_type": "test"},
        "model.h.i": node("i", "model.h.z", kind="incremental"),
    }  # fmt: skip
    sources = {"source.h.raw": {"schema": "raw", "identifier": "missing"}}
    monkeypatch.setattr(dbt_compiled, "read_manifest", lambda _: {"nodes": nodes, "sources": sources})
    left_out: list[str] = []
    monkeypatch.setattr(
        dbt_compiled, "_compiled", lambda _, without, arguments: left_out.extend(without) or {"nodes": nodes}
    )
    steps = dbt_compiled.build_steps(wh, wh.settings)
    names = [one.name.removeprefix("build f_core.") for one in steps]
    assert sorted(names) == ["a", "i", "r", "v", "z"] and left_out == ["z"]
    assert names.index("z") < names.index("a") < names.index("v") < names.index("r")
    by_name = dict(zip(names, steps, strict=True))
    assert by_name["z"].unknown == "until raw.missing is built" and by_name["v"].sql is None
    assert by_name["r"].stage == "score" and by_name["i"].note and by_name["a"].sql == "select 'a'"
    assert dbt_compiled.step_of(node("a"), "f_").name == "build core.a"


def test_a_run_that_names_days_is_estimated_for_these_days():
    days = window_of(dt.date(2013, 3, 1), None)
    assert days == (dt.date(2013, 3, 1), dt.date(9999, 1, 1)) and window_of(None, None) is None
    (flag, given) = dbt_compiled.build_arguments("build", days, is_forced=False)
    assert flag == "--vars" and json.loads(given) == {"start_date": "2013-03-01", "end_date": "9999-01-01"}
    assert dbt_compiled.build_arguments("all", days, is_forced=False) == []
    assert dbt_compiled.build_arguments("all", None, is_forced=True) == ["--full-refresh"]
    assert dbt_compiled.build_arguments("all", days, is_forced=True)[0] == "--vars"


@pytest.mark.slow
def test_the_project_compiles_where_nothing_is_loaded(fresh_database):
    """dbt compiles what needs no source; the rest waits for it by name."""
    settings = fresh_database()
    with open_warehouse(settings) as wh:
        steps = {one.name: one for one in dbt_compiled.build_steps(wh, settings)}
    assert (
        steps["build staging.stg_nycflights13__flights"].unknown == "until raw.nycflights13__flights is built"
    )
    assert steps["build scoring.scr_cancelled"].unknown == "until ml.champion_sql is built"
    assert "select" in steps["build core.fct_flight"].sql and steps["build core.dim_date"].sql


def test_job_steps_are_those_of_the_job(house):
    for job, stages in (
        ("load", {"load"}),
        ("train", {"train"}),
        ("score", {"score"}),
        ("monitor", {"monitor"}),
    ):
        assert {one.stage for one in job_steps(house, house.settings, job, ["late"])} == stages
