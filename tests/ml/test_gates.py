"""Every kind of gate passes where it should, and refuses where it should."""

from __future__ import annotations

import math

import pytest

from ml.evaluate import MetricRow
from ml.gates import judge
from ml.spec import Gate
from tests.ml.small_model import late_spec


def row(value=0.7, low=0.65, high=0.75, metric="auc", subject="model", split="test", n=100):
    return MetricRow(split, metric, value, low, high, n, subject)


def judge_one(gate: Gate, *rows: MetricRow):
    (result,) = judge(late_spec().model_copy(update={"gates": (gate,)}), rows)
    return result


AT_LEAST = Gate(metric="auc", at_least=0.7)
AT_LEAST_INTERVAL = Gate(metric="auc", at_least=0.7, by="interval")
AT_MOST = Gate(metric="log_loss", at_most=0.4)
AT_MOST_INTERVAL = Gate(metric="log_loss", at_most=0.4, by="interval")
BETTER = Gate(metric="auc", better_than="baseline")
BETTER_VALUE = Gate(metric="auc", better_than="constant", by="value")


@pytest.mark.parametrize(
    ("gate", "passing", "failing"),
    [
        (AT_LEAST, row(0.70), row(math.nextafter(0.7, 0))),
        (AT_LEAST_INTERVAL, row(0.8, low=0.7), row(0.8, low=0.699)),
        (AT_MOST, row(0.4, metric="log_loss"), row(0.4000001, metric="log_loss")),
        (AT_MOST_INTERVAL, row(0.3, high=0.4, metric="log_loss"), row(0.3, high=0.41, metric="log_loss")),
        (
            BETTER,
            row(0.1, low=0.01, subject="model_vs_baseline"),
            row(0.1, low=0.0, subject="model_vs_baseline"),
        ),
        (BETTER_VALUE, row(0.1, low=-1, subject="model_vs_constant"), row(0.0, subject="model_vs_constant")),
    ],
)
def test_a_gate_passes_and_refuses(gate, passing, failing):
    passed, refused = judge_one(gate, passing), judge_one(gate, failing)
    assert passed.is_passed and passed.reason.startswith("passed")
    assert not refused.is_passed and refused.reason.startswith("refused")
    assert refused.value is not None


@pytest.mark.parametrize("gate", [AT_LEAST, AT_LEAST_INTERVAL, AT_MOST, BETTER, BETTER_VALUE])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_what_is_no_number_is_refused(gate, value):
    subject = f"model_vs_{gate.better_than}" if gate.better_than else "model"
    bad = MetricRow("test", gate.metric, value, value, value, 100, subject)
    result = judge_one(gate, bad)
    assert not result.is_passed
    assert result.value is None


@pytest.mark.parametrize("gate", [AT_LEAST, AT_MOST, BETTER])
def test_what_was_not_measured_is_refused(gate):
    elsewhere = [row(0.9, subject="baseline"), row(0.9, split="train"), row(0.1, metric="brier")]
    result = judge_one(gate, *elsewhere)
    assert not result.is_passed
    assert "not measured" in result.reason


def test_no_rows_is_refused():
    assert not judge_one(AT_LEAST, row(0.9, n=0)).is_passed


def test_results_come_in_the_order_of_the_declaration():
    spec = late_spec()
    results = judge(spec, [])
    assert [r.metric for r in results] == [g.metric for g in spec.gates]
    assert results[0].gate == "auc at least 0.6 (test, by value)"
    assert (results[0].criterion, results[0].threshold) == ("at_least", 0.6)
    assert (results[1].criterion, results[1].threshold) == ("better_than", 0.0)
