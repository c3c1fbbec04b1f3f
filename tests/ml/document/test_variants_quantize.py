"""Fewer bits: every constant is an exact multiple, rounded the stated way, and no further than stated."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.document import Evaluator
from ml.document.variants import leaves_to_bits, quantize, thresholds_to_float32, weights_to_bits
from ml.document.variants.prune import leaf_spread
from ml.document.variants.quantize import to_significant, to_step
from tests.ml.document.boosted import INPUTS, boosted, linear, node_of, rows

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def leaves(document) -> np.ndarray:
    trees = document.nodes[-1].params["trees"]
    return np.array([v for t in trees for f, v in zip(t["feature"], t["value"], strict=True) if f == -1])


def thresholds(document) -> list[tuple[str, float]]:
    return [
        (test, threshold)
        for tree in document.nodes[-1].params["trees"]
        for feature, test, threshold in zip(tree["feature"], tree["test"], tree["threshold"], strict=True)
        if feature != -1 and test != "in"
    ]


@pytest.mark.parametrize("bits", [4, 8, 12, 16])
def test_leaves_are_multiples_of_one_power_of_two(bits):
    full = boosted([1.0] * 20)
    variant = leaves_to_bits(full, bits)
    step = 2.0 ** math.ceil(math.log2(leaf_spread(full)) - bits)
    assert set(np.modf(leaves(variant) / step)[0]) <= {0.0}
    assert len(set(leaves(variant))) <= 2**bits + 1
    table, _ = rows(1_000)
    moved = Evaluator(full).table(table).margins - Evaluator(variant).table(table).margins
    assert 0.0 < np.abs(moved).max() <= 20 * step / 2 + step * 2.0**-16
    assert variant.source["variant_of"] == full.sha256 != variant.sha256
    assert variant.source["variant"] == f"leaves to {bits} bits"


def test_sums_of_rounded_leaves_do_not_depend_on_the_order():
    variant = leaves_to_bits(boosted([1.0] * 50), 16)
    random, start = np.random.default_rng(0), variant.nodes[-1].params["start"]
    chosen = random.choice(leaves(variant), 50).tolist()
    sums = {sum([start, *random.permutation(chosen).tolist()]) for _ in range(200)}
    assert sums == {math.fsum([start, *chosen])}


def test_leaves_that_become_equal_are_merged():
    full = boosted([1.0] + [0.002] * 19)
    variant = leaves_to_bits(full, 8)
    assert len(leaves(variant)) < len(leaves(full)) / 2
    assert len(variant.text) < len(full.text) / 2


@pytest.mark.parametrize("direction", ["float32_inputs", "down", "up", "nearest"])
def test_thresholds_are_rounded_the_stated_way(direction):
    full = boosted([1.0] * 10)
    variant = thresholds_to_float32(full, direction)
    for (test, before), (_, after) in zip(thresholds(full), thresholds(variant), strict=True):
        assert float(np.float32(after)) == after
        way = {"<=": "down", "<": "up"}[test] if direction == "float32_inputs" else direction
        if way == "nearest":
            assert after == float(np.float32(before))
        else:
            assert (after <= before) if way == "down" else (after >= before)
            towards = np.float32(math.inf if way == "down" else -math.inf)
            beyond = float(np.nextafter(np.float32(after), towards))
            assert after == before or (beyond > before) == (way == "down")


def test_no_float32_number_changes_sides():
    full = boosted([1.0] * 30)
    variant = thresholds_to_float32(full)
    near = np.float32([threshold for _, threshold in thresholds(full)])
    near = np.concatenate([near, np.nextafter(near, np.float32(9)), np.nextafter(near, np.float32(-9))])
    table = pa.table({name: near.astype(np.float64) for name in INPUTS})
    assert (Evaluator(full).table(table).margins == Evaluator(variant).table(table).margins).all()
    assert variant.sha256 != full.sha256 and thresholds_to_float32(variant) is variant


def test_weights_and_their_tables_are_rounded():
    full = linear([0.1, -1.0 / 3.0, 1e-9])
    variant = weights_to_bits(full, 8)
    total = node_of(variant, "weighted")
    weights = total.params["weights"]
    assert weights[:2] == [0.10009765625, -0.333984375]
    assert weights[2] == pytest.approx(1e-9, rel=2.0**-8)
    assert node_of(variant, "lookup").params["values"][2] == ["c", 0.333984375]
    assert total.params["start"] == 0.12353515625
    assert weights_to_bits(variant, 8) is variant


def test_quantize_does_all_of_it():
    assert quantize(boosted([1.0] * 4), 8).source["variant"] == (
        "leaves to 8 bits, thresholds to float32, float32 inputs"
    )
    assert quantize(linear([1 / 3, 0.1]), 8).source["variant"] == "weights to 8 bits"


@given(FINITE, st.integers(2, 53), st.sampled_from([math.floor, math.ceil, round]))
def test_significant_bits_are_kept_and_the_direction_holds(value, bits, way):
    result = to_significant(value, bits, way)
    assert math.isfinite(result)
    assert result <= value if way is math.floor else result >= value if way is math.ceil else True
    assert abs(result - value) <= abs(value) * 2.0 ** (1 - bits) + 5e-324
    fraction, _ = math.frexp(result)
    assert result == value or (fraction * 2.0**bits).is_integer()


@given(FINITE, st.integers(-300, 300))
def test_a_step_is_kept(value, exponent):
    step = 2.0**exponent
    result = to_step(value, step)
    assert abs(result - value) <= max(step / 2, 1e-100)
    assert (result / step).is_integer() or math.isinf(result / step)


def test_bits_and_directions_that_are_none_are_refused():
    with pytest.raises(ValueError, match="bits 0; allowed: a whole number from 1 to 32"):
        leaves_to_bits(boosted([1.0]), 0)
    with pytest.raises(ValueError, match="bits True; allowed"):
        weights_to_bits(boosted([1.0]), True)
    with pytest.raises(ValueError, match="direction 'left'; allowed: float32_inputs, down"):
        thresholds_to_float32(boosted([1.0]), "left")
