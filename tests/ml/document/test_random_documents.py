"""Documents of random operations: the builder keeps them inside every engine's range, the surfaces agree.

Belongs here: properties of `Builder`. Does not belong here: importers.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.document import Builder, DocumentError, Evaluator, Head
from tests.ml.document.random_documents import FACTORS, NUMBERS, random_document
from tests.ml.document.surfaces import assert_same_bits, extreme_rows


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_random_chains_agree_on_the_three_surfaces(rows_wh, data):
    steps = data.draw(st.integers(1, 8))
    document = random_document(lambda values: data.draw(st.sampled_from(values)), steps)
    seed = data.draw(st.integers(0, 10_000))
    assert_same_bits(rows_wh, document, extreme_rows(document, 80, seed))


@pytest.mark.parametrize("seed", range(15))
def test_long_random_chains_agree_on_the_three_surfaces(rows_wh, seed):
    rng = np.random.default_rng(seed)
    document = random_document(lambda values: values[int(rng.integers(len(values)))], 25)
    assert_same_bits(rows_wh, document, extreme_rows(document, 80, seed))


def document_of(builder, margin, kind="identity"):
    return builder.document([margin], Head(kind), {})


@pytest.mark.parametrize("divide", [2.0, 1e100])
def test_a_step_inside_an_affine_that_would_round_to_zero(divide, rows_wh):
    """Adding at the end hid that the division before it could underflow."""
    builder = Builder("inside")
    margin = builder.affine(builder.input("x", "number"), divide=divide, add=1.0)
    document = document_of(builder, margin)
    assert document.nodes[0].params == {"flush": True}
    assert_same_bits(rows_wh, document)


def test_weights_too_far_apart_for_one_power_of_two(rows_wh):
    builder = Builder("apart")
    columns = [builder.input(name, "number") for name in "xy"]
    document = document_of(builder, builder.weighted(columns, [1e-100, 1e100], 0.0))
    assert [node.op for node in document.nodes] == ["bound", "bound", "weighted"]
    assert_same_bits(rows_wh, document)


def test_a_zero_keeps_its_sign(rows_wh):
    """Flushing, truncating and a flat interpolation each lost it on one surface."""
    builder = Builder("signs")
    x = builder.input("x", "number")
    margins = [
        builder.bound(x, flush=True),
        builder.node("truncate", [x]),
        builder.interpolate(x, [0.0, 1.0], [-0.0, -0.0]),
        builder.recode(x, [(0.0, -0.0), (1.0, 0.0)], -0.0, 5.0),
    ]
    assert_same_bits(rows_wh, builder.document(margins, Head("identity"), {}))


def test_weights_under_the_limit_count_as_zero():
    builder = Builder("tiny")
    columns = [builder.input(name, "number") for name in "xy"]
    document = document_of(builder, builder.weighted(columns, [1e-150, 2.0], 0.0))
    assert Evaluator(document).row({"x": 1e99, "y": 1.0})[0] == [2.0]


@pytest.mark.parametrize("value", [math.inf, math.nan, 1e101])
def test_constants_beyond_the_limit_are_refused(value):
    builder = Builder("beyond")
    x = builder.input("x", "number")
    for make in (
        lambda: builder.weighted([x], [value], 0.0),
        lambda: builder.weighted([x], [1.0], value),
        lambda: builder.interpolate(x, [0.0], [value]),
        lambda: builder.squared_distance([x], [value]),
    ):
        with pytest.raises(DocumentError, match="allowed|beyond"):
            make()


def test_the_constants_tried_reach_the_ends():
    assert max(map(abs, NUMBERS)) == 1.7976931348623157e308
    assert {abs(value) for value in FACTORS} >= {1e-100, 1e100}
