"""What a run shows: lines for tables, checks and failures, and never a long silence."""

import io
import time
from collections.abc import Iterator

import dagster as dg
import pytest
from rich.console import Console

from orchestration import progress as shown
from orchestration.progress import Progress, listening, progress_logger
from orchestration.stages.house import teller


@dg.asset(
    key=["core", "dim_a"], check_specs=[dg.AssetCheckSpec("whole", asset=dg.AssetKey(["core", "dim_a"]))]
)
def dim_a(context: dg.AssetExecutionContext) -> Iterator[object]:
    teller(context)("looking at a")
    yield dg.MaterializeResult(metadata={"dagster/row_count": 1234})
    yield dg.AssetCheckResult(
        check_name="whole",
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description="one half is missing",
    )


@dg.asset(key=["core", "dim_b"], deps=[dim_a])
def dim_b() -> None:
    try:
        raise KeyError("the first thing that went wrong")
    except KeyError as error:
        raise RuntimeError("so the table could not be made") from error


@dg.asset(key=["core", "dim_c"])
def dim_c() -> None:
    time.sleep(1.6)


def run(*assets: dg.AssetsDefinition) -> tuple[str, Progress]:
    defs = dg.Definitions(
        assets=assets,
        jobs=[dg.define_asset_job("all")],
        loggers={"progress": progress_logger},
        executor=dg.in_process_executor,
    )
    out = io.StringIO()
    console = Console(file=out, width=200)
    progress = Progress(console, {"core__dim_a": "build", "core__dim_b": "build"})
    with progress, listening(progress), dg.DagsterInstance.ephemeral() as instance:
        defs.resolve_job_def("all").execute_in_process(
            raise_on_error=False, instance=instance, run_config={"loggers": {"progress": {}}}
        )
    return out.getvalue(), progress


def test_tables_lines_and_warnings_are_shown_and_remembered() -> None:
    text, progress = run(dim_a)
    assert "build    looking at a" in text
    assert "build    core.dim_a" in text
    assert "1,234 rows" in text
    assert "warning: check whole of core.dim_a: one half is missing" in text
    assert progress.record.rows == {("core", "dim_a"): 1234}
    assert len(progress.record.warnings) == 1
    assert progress.record.failures == []
    assert progress.record.seconds["build"] > 0


def test_a_failure_names_its_first_cause() -> None:
    text, progress = run(dim_a, dim_b)
    assert "FAILED core__dim_b" in text
    (failure,) = progress.record.failures
    assert "the first thing that went wrong" in failure
    assert "Traceback" not in text


def test_silence_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "QUIET_SECONDS", 1.0)
    text, _ = run(dim_c)
    assert "core__dim_c is still running" in text


def test_silence_is_never_longer_than_half_a_minute() -> None:
    assert shown.QUIET_SECONDS < 30
