"""The tools of the benchmarks themselves: the verdict of a record, and the memory that is seen."""

from __future__ import annotations

import json
import sys

import pytest

from tests.benchmarks import record as module
from tests.benchmarks.memory import watch


@pytest.mark.parametrize(
    ("direction", "goal", "is_met"),
    [("at_least", 0.8, True), ("at_least", 1.3, False), ("at_most", 1.3, True), ("at_most", 0.8, False)],
)
def test_a_record_holds_the_ratio_of_the_repeats(tmp_path, monkeypatch, direction, goal, is_met):
    monkeypatch.setattr(module, "BENCH", tmp_path)
    result = module.record(
        "x", peer="y", rows=3, ours=[1.0, 20.0, 9.0], theirs=[1.0, 10.0, 10.0], goal=goal, unit="rows/s",
        includes={"ours": "a", "theirs": "b"}, versions=module.versions("dlt", postgres="18"),
        direction=direction, seconds=1.5,
    )  # fmt: skip
    assert (result["quotient"], result["ours"], result["theirs"]) == (1.0, 9.0, 10.0)
    assert result["is_met"] is is_met
    stored = json.loads((tmp_path / "x.json").read_text())
    assert stored == result
    assert {"name", "peer", "rows", "ours", "theirs", "ratio", "goal", "unit", "versions"} <= stored.keys()
    assert stored["seconds"] == 1.5 and stored["versions"]["postgres"] == "18"


@pytest.mark.parametrize(("direction", "ratio"), [("at_least", 4.0), ("at_most", 0.25)])
def test_a_ratio_above_one_means_ours_is_better(tmp_path, monkeypatch, direction, ratio):
    monkeypatch.setattr(module, "BENCH", tmp_path)
    result = module.record(
        "x", peer="y", rows=3, ours=[8.0], theirs=[2.0], goal=1.0, unit="s", includes={}, versions={},
        direction=direction,
    )  # fmt: skip
    assert (result["ratio"], result["goal"]) == (ratio, f"{direction.replace('_', ' ')} 1")


def test_memory_of_a_child_is_seen():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; "
    code += "held = bytearray(150_000_000); time.sleep(0.5)'])"
    usage = watch([sys.executable, "-c", code])
    assert usage.returncode == 0
    assert 150e6 < usage.peak_bytes < 400e6
    assert usage.seconds > 0.5
