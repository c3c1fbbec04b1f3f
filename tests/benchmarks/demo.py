"""`starhouse demo` cold (an empty home) and warm (again on the same home), by stage, with peak memory.

Belongs here: running the two and reading what they wrote. Does not belong: installing, which `make`
does before. The peak is of the process tree of the command; the server, which detaches itself, is not in it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.memory import Usage, watch
from tests.benchmarks.progress import progress
from tests.benchmarks.record import record, versions
from warehouse.client import load_settings, open_warehouse, stop_server, subprocess_env

GOAL = 0.5  # "a second `make demo` finishes far faster": less than half the time


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="starhouse-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # the server's own account must pass through
        settings = replace(
            load_settings(), home=home, env="dev", database="starhouse_dev", warehouse_url=None
        )
        try:
            cold, warm = (_demo(settings, name) for name in ("cold", "warm"))
            with open_warehouse(settings) as wh:
                rows, server = (
                    wh.scalar("select count(*) from core.fct_flight"),
                    wh.scalar("show server_version"),
                )
        finally:
            stop_server(settings)
    result = record(
        "demo", peer="the first run, on an empty home", rows=rows, direction="at_most", goal=GOAL, unit="s",
        ours=[warm["seconds"]], theirs=[cold["seconds"]],
        includes={"ours": "a second `starhouse demo` on the same home", "theirs": "`starhouse demo`"},
        versions=versions("dagster", "dbt-core", "bentoml", "lightgbm", postgres=server),
        cold=cold, warm=warm,
    )  # fmt: skip
    for name in ("cold", "warm"):
        stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in result[name]["stages"].items())
        peak = result[name]["peak_bytes"] / 1e6
        print(f"{name}: {result[name]['seconds']:.1f} s, peak {peak:,.0f} MB (seconds by stage: {stages})")


def _demo(settings, name: str) -> dict:
    """Time by stage and peak memory of one demonstration; its output goes to a file shown where it fails."""
    log = settings.home / f"{name}.log"
    command = [sys.executable, "-m", "orchestration.cli", "demo"]
    with progress(name), log.open("wb") as out:
        usage: Usage = watch(command, cwd=settings.root, env=subprocess_env(settings), stdout=out, stderr=out)
    if usage.returncode:
        raise SystemExit(f"the {name} demonstration failed:\n{log.read_text(errors='replace')[-4000:]}")
    timing = json.loads((settings.reports_dir / "last_demo.json").read_text(encoding="utf-8"))
    return {"seconds": usage.seconds, "peak_bytes": usage.peak_bytes, "stages": timing["stages"]}


if __name__ == "__main__":
    main()
