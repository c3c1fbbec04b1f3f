"""What is offered and what is not: planted harm is refused, what changes nothing that counts is accepted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Document, Evaluator, Head
from ml.document.schema import DocumentError
from ml.document.variants import GRID, Margin, Recipe, first_trees, offer, prune, quantize
from ml.document.variants.cost import size_of
from tests.ml.document.boosted import boosted, labels, linear, rows

EARLY = [0.6] * 8 + [0.0005] * 24
"""Everything is learned in the first quarter of the trees."""


def sample(document: Document, count: int = 4_000):
    table, dates = rows(count)
    return table, labels(document, table), dates


@pytest.mark.parametrize(("head", "task"), [("sigmoid", "classification"), ("identity", "regression")])
def test_what_loses_nothing_is_offered_with_what_it_saves(head, task):
    full = boosted(EARLY, head)
    found = offer(full, *sample(full), task, grid=GRID[:3])
    assert {one.name for one in found.offered} == {"prune_75", "prune_50", "prune_25"}
    assert found.refused == ()
    least = found.offered[0]
    assert least.name == "prune_25" and least.is_non_inferior
    assert least.document.source["variant_of"] == full.sha256 != least.document.sha256
    assert least.full_size == size_of(full) and least.full_size.bytes == len(full.text)
    assert least.size.bytes < least.full_size.bytes / 3
    assert least.size.deflated_bytes < least.full_size.deflated_bytes
    assert (least.size.tree_nodes, least.full_size.tree_nodes) == (8 * 15, 32 * 15)
    assert least.speed.row_microseconds > 0.0 < least.full_speed.row_microseconds
    assert least.speed.rows_per_second > 0.0 < least.full_speed.rows_per_second
    assert least.comparison.bound < 0.005 and least.changed_decisions < 0.01
    assert least.comparison.metric == {"classification": "log_loss", "regression": "mae"}[task]


def test_planted_harm_is_refused_and_says_why():
    full = boosted(EARLY[::-1])  # the same sizes, but everything is learned last
    found = offer(full, *sample(full), "classification", grid=GRID[:3])
    assert found.offered == ()
    worst = found.refused[-1]
    assert worst.name == "prune_25" and not worst.comparison.is_non_inferior
    assert worst.comparison.ci_low > 0.0
    assert worst.reason.startswith("not shown to be within the margin: log_loss ")


def test_one_leaf_that_is_wrong_on_a_few_rows_is_refused():
    full = boosted(EARLY)

    def spoiled(document: Document) -> Document:
        node = document.nodes[-1]
        tree = node.params["trees"][0]
        value = [-8.0 * v if place == 3 else v for place, v in enumerate(tree["value"])]
        trees = [{**tree, "value": value}, *node.params["trees"][1:]]
        return replace(document, nodes=(replace(node, params={**node.params, "trees": trees}),))

    found = offer(full, *sample(full), "classification", grid=[Recipe("spoiled", spoiled)])
    assert [one.name for one in found.refused] == ["spoiled"]


def test_the_default_grid_on_trees_and_on_a_linear_model():
    full = boosted(EARLY)
    found = offer(full, *sample(full, 2_000), "classification", margin=Margin(0.01))
    names = {one.name for one in found.offered}
    assert {"quantize_16", "quantize_12", "prune_50", "collapse_1", "prune_75_quantize_16"} <= names
    assert {one.name for one in found.refused} | names == {recipe.name for recipe in GRID}
    # Eight bits leave nothing of the late trees, so it does not matter how many of them stay.
    same = {one.name: one.reason for one in found.refused if one.reason.startswith("is the same")}
    assert same["prune_25_quantize_8"].endswith("quantize_8")
    sizes = [one.size.bytes for one in found.offered]
    assert sizes == sorted(sizes) and sizes[-1] < len(full.text)

    random = np.random.default_rng(0)
    other = linear([*random.normal(size=14), *random.normal(size=6) / 1e4, 0.7])
    table = pa.table({
        **{name: random.normal(size=3_000) for name in (*(f"x{place}" for place in range(20)), "raw")},
        "c": random.choice(["a", "b", "c", "d"], 3_000),
    })  # fmt: skip
    found = offer(other, table, labels(other, table), rows(3_000)[1], "classification", margin=Margin(0.01))
    assert {"prune_75", "prune_75_quantize_8"} <= {one.name for one in found.offered}
    reasons = {one.name: one.reason for one in found.refused}
    assert reasons["collapse_1"] == "is the same as the full model"
    assert reasons["quantize_16"] == "is not smaller than the full model"
    assert reasons["prune_25"].startswith("not shown to be within the margin")


def test_rows_without_an_answer_are_left_out_and_a_changed_lack_is_refused():
    full = linear([*np.random.default_rng(0).normal(size=20) / 3, 0.8])
    # Without the imputation, a missing number leaves the margin missing.
    nodes = {node.id: node for node in full.nodes}
    bare = tuple(
        replace(node, inputs=tuple(nodes[n].inputs[0] if n in nodes and nodes[n].op == "impute" else n
                                   for n in node.inputs))
        for node in full.nodes if node.op != "impute"
    )  # fmt: skip
    full = replace(full, nodes=bare)
    random = np.random.default_rng(0)
    x1 = pa.array(random.normal(size=2_000), mask=np.arange(2_000) % 10 == 0)
    others = {name: random.normal(size=2_000) for name in full.input_names if name not in ("x1", "c")}
    table = pa.table({**others, "x1": x1, "c": ["a"] * 2_000})
    label, dates = (random.random(2_000) < 0.5).astype(float), rows(2_000)[1]
    recipes = [Recipe("least", lambda d: prune(d, 0.05)), Recipe("bits", lambda d: quantize(d, 8))]
    found = offer(full, table, label, dates, "classification", grid=recipes)
    assert [(one.name, one.comparison.n) for one in found.offered] == [("bits", 1_800)]
    assert found.refused[0].reason == "200 rows have an answer of only one of the two"


def test_few_days_a_repetition_and_an_impossible_variant_are_refused_by_reason():
    def impossible(document: Document) -> Document:
        raise DocumentError("weights too far apart")

    full = boosted(EARLY)
    table, dates = rows(1_000, days=5)
    recipes = [Recipe("half", lambda d: first_trees(d, 0.5)), Recipe("again", lambda d: prune(d, 0.5)),
               Recipe("impossible", impossible)]  # fmt: skip
    found = offer(full, table, labels(full, table), dates, "classification", grid=recipes)
    assert found.offered == ()
    assert [one.reason for one in found.refused] == [
        "rows of 5 days; at least 10 are needed to tell",
        "is the same as half",
        "cannot be made: weights too far apart",
    ]


def test_the_same_arguments_give_the_same_verdicts():
    full = boosted(EARLY)
    given = sample(full, 1_000)
    one, two = (offer(full, *given, "classification", grid=GRID[:3]) for _ in range(2))
    assert [o.comparison for o in one.offered] == [o.comparison for o in two.offered]
    assert one.refused == two.refused
    assert [Evaluator(o.document).table(given[0]).scores.sum() for o in one.offered]


def test_arguments_that_do_not_fit_are_refused():
    full = boosted(EARLY)
    table, label, dates = sample(full, 100)
    with pytest.raises(ValueError, match="task 'ranking'; allowed: classification, regression"):
        offer(full, table, label, dates, "ranking")
    with pytest.raises(ValueError, match="metric 'auc' for classification; allowed: log_loss, brier"):
        offer(full, table, label, dates, "classification", "auc")
    with pytest.raises(ValueError, match="head identity and 1 margins; allowed: sigmoid or probability"):
        offer(replace(full, head=Head("identity")), table, label, dates, "classification")
    with pytest.raises(ValueError, match="99 labels and 100 dates for 100 rows"):
        offer(full, table, label[1:], dates, "classification")
    with pytest.raises(ValueError, match="labels hold others than 0 and 1"):
        offer(full, table, label + 0.5, dates, "classification")
