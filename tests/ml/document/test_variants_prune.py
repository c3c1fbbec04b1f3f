"""Fewer trees, smaller trees, fewer terms: what stays is what stayed, and the rest is stated."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from ml.document import Document, Evaluator
from ml.document.variants import collapse, first_trees, prune, strongest_terms
from ml.document.variants.prune import leaf_spread
from tests.ml.document.boosted import SETS, boosted, linear, node_of, rows

TREE = {
    "feature": [0, 1, -1, -1, 1, -1, -1],
    "test": ["<="] * 7,
    "threshold": [0.5, 1.5, 0.0, 0.0, 2.5, 0.0, 0.0],
    "left": [1, 2, 0, 0, 5, 0, 0],
    "right": [4, 3, 0, 0, 6, 0, 0],
    "missing_left": [True, False, False, False, True, False, False],
    "value": [0.0, 0.0, 1.0, 1.25, 0.0, -3.0, 5.0],
    "cover": [40.0, 8.0, 6.0, 2.0, 32.0, 16.0, 16.0],
}


def trees_of(document: Document) -> list:
    return document.nodes[-1].params["trees"]


def one_tree(tree: dict, **params) -> Document:
    full = boosted([1.0], "identity").to_dict()
    full["nodes"] = [["margin", "trees", ["x", "y"], {"start": 0.0, "trees": [tree], **params}]]
    return Document.from_text(json.dumps(full))


def test_the_first_trees_are_the_sum_stopped_earlier():
    full = boosted([1.0] * 8)
    half = first_trees(full, 0.5)
    assert [t["value"] for t in trees_of(half)] == [t["value"] for t in trees_of(full)[:4]]
    table, _ = rows(300)
    margin = Evaluator(half).table(table).margins
    rest = sum(
        Evaluator(one_of(full, place)).table(table).margins - full.nodes[-1].params["start"]
        for place in range(4, 8)
    )
    np.testing.assert_allclose(Evaluator(full).table(table).margins, margin + rest, atol=1e-12)


def one_of(full: Document, place: int) -> Document:
    node = full.nodes[-1]
    params = {**node.params, "trees": [trees_of(full)[place]]}
    return replace(full, nodes=(replace(node, params=params),))


def test_a_mean_over_trees_becomes_the_mean_over_those_that_stay():
    half = first_trees(boosted([1.0] * 5, divide=5.0), 0.5)
    assert (len(trees_of(half)), half.nodes[-1].params["divide"]) == (3, 3.0)
    other = boosted([1.0] * 5, divide=2.0)
    assert first_trees(other, 0.5) is other


def test_a_variant_has_its_own_address_and_names_the_full_model():
    full = boosted([1.0] * 8)
    half = first_trees(full, 0.5)
    both = collapse(half, 0.1)
    assert len({full.sha256, half.sha256, both.sha256}) == 3
    assert half.source["variant_of"] == both.source["variant_of"] == full.sha256
    assert half.source["variant"] == "first 50 % of the trees"
    assert both.source["variant"] == "first 50 % of the trees, leaves within 0.1 as one"
    assert half.source["library"] == "hand-made"
    assert both.inputs == full.inputs and both.head == full.head
    assert len(both.text) < len(half.text) < len(full.text)
    assert Document.from_text(both.text).sha256 == both.sha256


def test_operands_and_sets_that_nothing_reads_are_left_out():
    full = boosted([1.0] * 8)
    variant = first_trees(full, 0.5)
    assert full.nodes[-1].inputs == ("x", "y", "z", "unused")
    assert variant.nodes[-1].inputs == ("x", "y", "z")
    assert variant.nodes[-1].params["sets"] == SETS[:2]
    only = collapse(one_tree(TREE), 0.3)
    assert only.nodes[-1].inputs == ("x", "y")


def test_a_subtree_becomes_the_mean_of_its_leaves_by_cover():
    found = trees_of(collapse(one_tree(TREE), 0.25))[0]
    assert found["feature"] == [0, -1, 1, -1, -1]
    assert (found["left"], found["right"]) == ([1, 0, 3, 0, 0], [2, 0, 4, 0, 0])
    assert found["value"] == [0.0, 1.0625, 0.0, -3.0, 5.0]
    assert found["cover"] == [40.0, 8.0, 32.0, 16.0, 16.0]
    full = one_tree(TREE)
    assert collapse(full, 0.2) is full
    without_cover = {**TREE, "cover": [0.0] * 7}
    assert trees_of(collapse(one_tree(without_cover), 0.25))[0]["value"][1] == 1.125


def test_a_tree_that_becomes_one_leaf_is_added_to_the_start():
    found = collapse(one_tree(TREE, divide=2.0), 100.0)
    assert trees_of(found) == []
    assert found.nodes[-1].params["start"] == (1.0 * 6 + 1.25 * 2 - 3 * 16 + 5 * 16) / 40
    table, _ = rows(20)
    assert set(Evaluator(found).table(table).margins[:, 0]) == {found.nodes[-1].params["start"] / 2.0}


@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.3])
def test_collapsing_moves_no_row_further_than_stated(share):
    full = boosted([1.0] * 10)
    tolerance = leaf_spread(full) * share
    table, _ = rows(2_000)
    moved = Evaluator(full).table(table).margins - Evaluator(collapse(full, tolerance)).table(table).margins
    assert np.abs(moved).max() <= 10 * tolerance + 1e-12


def test_the_weakest_terms_go_but_none_whose_scale_is_unknown():
    full = linear([0.5, -0.001, 2.0, 0.3, 1e-9])
    half = strongest_terms(full, 0.5)
    kept = node_of(half, "weighted")
    assert kept.params["weights"] == [0.5, 2.0, 1e-9, 1.0]
    assert "raw" in kept.inputs[2]
    assert len(half.nodes) < len(full.nodes)
    assert half.inputs == full.inputs
    assert strongest_terms(full, 1.0) is full
    assert prune(full, 0.5).sha256 == half.sha256


def test_a_share_of_a_whole_number_is_not_rounded_past_it():
    assert len(trees_of(first_trees(boosted([1.0] * 100), 0.07))) == 7


@pytest.mark.parametrize("share", [0.0, -1.0, 1.1, math.nan])
def test_a_share_that_is_none_is_refused(share):
    for function in (first_trees, strongest_terms):
        with pytest.raises(ValueError, match="share .*; allowed: above 0, at most 1"):
            function(linear([1.0, 1.0]), share)
    with pytest.raises(ValueError, match="tolerance .*; allowed"):
        collapse(linear([1.0, 1.0]), -1.0)
