"""Boosting and forests on any engine: the order of trees, early stopping, and the fitted model.

Belongs here: several trees. Does not belong here: one tree (`ml.indb.trees`), choosing an engine
(`ml.indb.train_trees`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from ml.document.schema import Document
from ml.indb.errors import InDatabaseError
from ml.indb.histograms import MOST_SUM, Engine
from ml.indb.labels import Label
from ml.indb.losses import Loss, loss_of
from ml.indb.samples import features_of
from ml.indb.splits import Chooser
from ml.indb.tree_document import margin_of, tree_document
from ml.indb.tree_nodes import GrownTree
from ml.indb.tree_settings import Boosting, Forest, Growth, TreeRows, described
from ml.indb.trees import grow


@dataclass(frozen=True)
class FittedTrees:
    """The document, the grown trees (boosting: round after round, one for each of `loss.outputs`), the first
    scores in steps, and the validation loss after each round (weights in steps).
    """

    document: Document
    trees: tuple[GrownTree, ...]
    starts: tuple[int, ...]
    loss: Loss
    losses: tuple[int, ...] = ()


def fit_trees(
    engine: Engine, label: Label, rows: TreeRows, settings: Boosting | Forest, name: str
) -> FittedTrees:
    """Train by the settings' type. The engine's rows are those of the scan that gave `label`.

    Raises:
        InDatabaseError: the label does not take the loss, a feature is not there, or sums leave a bigint.
    """
    if isinstance(settings, Boosting):
        return _boosted(engine, label, rows, settings, name)
    return _forest(engine, label, rows, settings, name)


def _boosted(engine: Engine, label: Label, rows: TreeRows, settings: Boosting, name: str) -> FittedTrees:
    loss = loss_of(settings.loss, rows.objective, label.bits, label.targets, label.weight_steps)
    rounds, losses = boosted_rounds(engine, loss, rows, settings, stops=rows.watches)
    if rows.watches:
        rounds = rounds[: losses.index(min(losses))]
    starts = tuple(loss.starts(engine.totals))
    head = {"logistic": "sigmoid", "softmax": "softmax"}.get(loss.name)
    margins = [
        margin_of([(trees[output], 0) for trees in rounds], starts[output]) for output in range(loss.outputs)
    ]
    document = tree_document(
        name, engine.layout.bins, label, margins, head or _head(label), _source("boosting", loss, settings)
    )
    trees = tuple(tree for trees in rounds for tree in trees)
    return FittedTrees(document, trees, starts, loss, tuple(losses))


def boosted_rounds(
    engine: Engine, loss: Loss, rows: TreeRows, settings: Boosting, *, stops: bool, watches: bool = False
) -> tuple[list[list[GrownTree]], list[int]]:
    """The trees of each round, and the validation loss from before the first round on where it is watched;
    where it `stops` training, it is.
    """
    chooser, rate = chooser_of(engine, loss, settings.growth), Fraction(settings.learning_rate)
    starts = loss.starts(engine.totals)
    engine.begin(loss, starts)
    rounds: list[list[GrownTree]] = []
    losses = [engine.validation_loss()] if stops or watches else []
    reach = max(map(abs, starts))
    for number in range(settings.rounds):
        trees = []
        for output in range(loss.outputs):
            engine.aim([output])
            tree = grow(engine, chooser, rate, _features(engine, settings, number * loss.outputs + output))
            trees.append(tree if tree.leaves > 1 else GrownTree([replace(tree.nodes[0], values=(0,))]))
            engine.grown(trees[-1], [output])
        if all(tree.leaves == 1 for tree in trees):
            break
        reach += max(tree.largest for tree in trees)
        _check_reach(engine, loss, reach, rows)
        engine.update()
        rounds.append(trees)
        if losses:
            losses.append(engine.validation_loss())
            if stops and len(losses) - 1 - losses.index(min(losses)) >= settings.patience:
                break
    return rounds, losses


def _forest(engine: Engine, label: Label, rows: TreeRows, settings: Forest, name: str) -> FittedTrees:
    loss, trees = forest_trees(engine, label, rows, settings)
    divide = float(len(trees)) if len(trees) > 1 else None
    margins = [margin_of([(tree, output) for tree in trees], 0, divide) for output in range(loss.outputs)]
    document = tree_document(
        name, engine.layout.bins, label, margins, _head(label), _source("forest", loss, settings)
    )
    return FittedTrees(document, tuple(trees), (0,) * loss.outputs, loss)


def forest_trees(
    engine: Engine, label: Label, rows: TreeRows, settings: Forest
) -> tuple[Loss, list[GrownTree]]:
    """The trees of a forest, each on all outputs, and their loss."""
    if settings.sample and not rows.key:
        raise InDatabaseError("a forest samples rows by a key; received none. Name one, or set sample=False.")
    loss = Loss("squared", label.bits, label.targets, label.weight_steps)
    if loss.outputs > 1 and settings.growth.monotone:
        raise InDatabaseError(
            f"monotone is {dict(settings.growth.monotone)!r} with {loss.outputs} classes in one tree; "
            "allowed: numbers or two classes. Leave it out, or choose boosting."
        )
    chooser, trees = chooser_of(engine, loss, settings.growth), []
    engine.begin(loss, [0] * loss.outputs)
    for number in range(settings.trees):
        if settings.sample:
            engine.sample(settings.seed, number)
        engine.aim(range(loss.outputs))
        trees.append(grow(engine, chooser, Fraction(1), _features(engine, settings, number)))
    return loss, trees


def chooser_of(engine: Engine, loss: Loss, growth: Growth) -> Chooser:
    """How splits are chosen.

    Raises:
        InDatabaseError: a monotone feature is not there, or is no number.
    """
    places = {one.name: at for at, one in enumerate(engine.layout.bins) if one.kind != "category"}
    unknown = sorted(set(growth.monotone) - set(places))
    if unknown:
        raise InDatabaseError(
            f"monotone names {unknown}; allowed: features of numbers: {', '.join(places) or 'none'}."
        )
    ways = {places[name]: way for name, way in growth.monotone.items()}
    return Chooser(engine.layout, growth, loss, ways, 1 if loss.name == "softmax" else loss.outputs)


def _features(engine: Engine, settings: Boosting | Forest, tree: int) -> Callable[[int], Iterable[int]]:
    return features_of(settings.seed, tree, len(engine.layout.bins), settings.growth.features)


def _head(label: Label) -> str:
    return "probability" if label.classes else "identity"


def _check_reach(engine: Engine, loss: Loss, reach: int, rows: TreeRows) -> None:
    """Whether sums of weight times (score - label) stay in a bigint, were every score the largest
    possible.
    """
    largest = reach + (1 << 30) if loss.name == "squared" else 2 << loss.bits
    if engine.totals.weight * largest >= MOST_SUM or reach >= 2**52:
        raise InDatabaseError(
            f"scores of label {rows.label!r} may reach {reach} steps with weights of "
            f"{engine.totals.weight} in "
            "all, beyond a bigint; allowed: sums below 2**62. Lower the rate, or the number of rounds."
        )


def _source(estimator: str, loss: Loss, settings: Any) -> dict[str, Any]:
    steps = {"weight_steps": loss.weight_steps} if loss.weight_steps > 1 else {}
    return {
        "library": "starhouse", "estimator": estimator, "loss": loss.name, "bits": loss.bits, **steps,
        "settings": described(settings),
    }  # fmt: skip
