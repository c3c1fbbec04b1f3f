"""The record of a benchmark: one JSON file a comparison in `build/bench/`, the same fields for all.

`python -m tests.benchmarks.record [NAME …]` runs the benchmarks of this folder (or those named), one after
the other, and prints what was recorded. Belongs here: the schema, writing it, that run. Does not belong:
measuring.

`ours` and `theirs` are medians in `unit`; `quotient` is the median of ours divided by theirs over the repeats
(a busy moment hits both sides of one repeat); `ratio` is the same turned so that above 1 means ours is
better; `goal` bounds the quotient, in words; `includes` says what each side's measured stretch holds.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any, Literal

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BENCH = ROOT / "build" / "bench"
TOOLS = {
    "record", "memory", "progress", "document_families", "document_tables", "elastic_net_rows",
    "intake_servers", "intake_sources", "intake_ways", "orbital", "orbital_script", "scanned_bytes",
}  # fmt: skip
"""Modules of this folder that measure nothing themselves."""


def versions(*packages: str, **more: str) -> dict[str, str]:
    """Versions of Python and the named packages; `more` for what is not a package, as the server."""
    found = {package: importlib.metadata.version(package) for package in packages}
    return {"python": platform.python_version(), **found, **more}


def record(
    name: str,
    *,
    peer: str,
    rows: int,
    ours: list[float],
    theirs: list[float],
    goal: float,
    unit: str,
    includes: dict[str, str],
    versions: dict[str, str],
    direction: Literal["at_least", "at_most"] = "at_least",
    **more: Any,
) -> dict[str, Any]:
    """Write `build/bench/<name>.json` from every repeat's values, in the order they were taken in turns."""
    quotient = median(mine / other for mine, other in zip(ours, theirs, strict=True))
    result = {
        "name": name,
        "peer": peer,
        "rows": rows,
        "ours": median(ours),
        "theirs": median(theirs),
        "quotient": quotient,
        "ratio": quotient if direction == "at_least" else 1 / quotient,
        "goal": f"{direction.replace('_', ' ')} {goal:g}",
        "is_met": quotient >= goal if direction == "at_least" else quotient <= goal,
        "unit": unit,
        "repeats": {"ours": ours, "theirs": theirs},
        "includes": includes,
        "versions": versions,
        **more,
    }
    BENCH.mkdir(parents=True, exist_ok=True)
    (BENCH / f"{name}.json").write_text(json.dumps(result, indent=2, default=str) + "\n", encoding="utf-8")
    return result


def run(names: list[str]) -> int:
    """Run benchmarks, each in a process of its own; 1 where one did not come to its end, else 0.

    A missed goal is no failure: the table says so.
    """
    failed = []
    for name in names:
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], cwd=ROOT)
        if done.returncode:
            failed.append(name)
    print()
    for path in sorted(BENCH.glob("*.json")):
        print(_line(json.loads(path.read_text(encoding="utf-8"))))
    for name in failed:
        print(f"{name}: did not come to its end", file=sys.stderr)
    return 1 if failed else 0


def benchmarks() -> list[str]:
    """The names of all benchmarks of this folder."""
    names = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("test_"))
    return [name for name in names if name not in TOOLS]


def _line(result: dict[str, Any]) -> str:
    verdict = "met" if result["is_met"] else "MISSED"
    return (
        f"{result['name']:<20} {result['quotient']:.3g} (goal {result['goal']}, {verdict}); "
        f"ours {result['ours']:,.4g} {result['unit']}, {result['peer']} {result['theirs']:,.4g}"
    )


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:] or benchmarks()))
