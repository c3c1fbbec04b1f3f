"""Boosting and forests on any engine: the order of trees, early stopping, and the fitted model.

Belongs here: several trees. Does not belong here: one tree (`ml.indb.trees`), choosing an engine
(`ml.indb.train_trees`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ml.document.schema import Document
from ml.indb.errors import InDatabaseError
from ml.indb.histograms import MOST_SUM, Engine
from ml.indb.labels import Label
from ml.indb.losses import Loss, loss_of
from ml.indb.samples import features_of
from ml.indb.splits import Chooser
from ml.indb.tree_document import tree_document
from ml.indb.tree_nodes import GrownTree
from ml.indb.tree_settings import Boosting, Forest, Growth, TreeRows, described
from ml.indb.trees import grow


@dataclass(frozen=True)
class FittedTrees:
    """The document, the grown trees, the first score in steps, and the validation loss after each tree."""

    document: Document
    trees: tuple[GrownTree, ...]
    start: int
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
    loss = loss_of(settings.loss, rows.objective, label.bits)
    chooser, rate = _chooser(engine, loss, settings.growth), Fraction(settings.learning_rate)
    start = loss.start(engine.totals)
    engine.begin(loss, start)
    trees: list[GrownTree] = []
    losses = [engine.validation_loss()] if rows.validation else []
    reach = abs(start)
    for number in range(settings.rounds):
        features = features_of(settings.seed, number, len(engine.layout.bins), settings.growth.features)
        tree = grow(engine, chooser, rate, features)
        if tree.leaves == 1:
            break
        reach += tree.largest
        _check_reach(engine, loss, reach, rows)
        engine.add(tree)
        trees.append(tree)
        if rows.validation:
            losses.append(engine.validation_loss())
            if len(losses) - 1 - losses.index(min(losses)) >= settings.patience:
                break
    if losses:
        trees = trees[: losses.index(min(losses))]
    head = "sigmoid" if loss.name == "logistic" else "probability" if label.classes else "identity"
    source = _source("boosting", loss, settings)
    document = tree_document(name, engine.layout.bins, label, trees, start, head, source)
    return FittedTrees(document, tuple(trees), start, tuple(losses))


def _forest(engine: Engine, label: Label, rows: TreeRows, settings: Forest, name: str) -> FittedTrees:
    if settings.sample and not rows.key:
        raise InDatabaseError("a forest samples rows by a key; received none. Name one, or set sample=False.")
    loss = Loss("squared", label.bits)
    chooser, trees = _chooser(engine, loss, settings.growth), []
    engine.begin(loss, 0)
    for number in range(settings.trees):
        if settings.sample:
            engine.sample(settings.seed, number)
        features = features_of(settings.seed, number, len(engine.layout.bins), settings.growth.features)
        trees.append(grow(engine, chooser, Fraction(1), features))
    divide = float(len(trees)) if len(trees) > 1 else None
    head, source = "probability" if label.classes else "identity", _source("forest", loss, settings)
    document = tree_document(name, engine.layout.bins, label, trees, 0, head, source, divide)
    return FittedTrees(document, tuple(trees), 0)


def _chooser(engine: Engine, loss: Loss, growth: Growth) -> Chooser:
    places = {one.name: at for at, one in enumerate(engine.layout.bins) if one.kind != "category"}
    unknown = sorted(set(growth.monotone) - set(places))
    if unknown:
        raise InDatabaseError(
            f"monotone names {unknown}; allowed: features of numbers: {', '.join(places) or 'none'}."
        )
    return Chooser(engine.layout, growth, loss, {places[name]: way for name, way in growth.monotone.items()})


def _check_reach(engine: Engine, loss: Loss, reach: int, rows: TreeRows) -> None:
    """Whether sums of weight times (score - label) stay in a bigint, were every score the largest
    possible.
    """
    largest = 1 << loss.bits if loss.name == "logistic" else reach + (1 << 30)
    if engine.totals.weight * largest >= MOST_SUM or reach >= 2**52:
        raise InDatabaseError(
            f"scores of label {rows.label!r} may reach {reach} steps with weights of "
            f"{engine.totals.weight} in "
            "all, beyond a bigint; allowed: sums below 2**62. Lower the rate, or the number of rounds."
        )


def _source(estimator: str, loss: Loss, settings: Any) -> dict[str, Any]:
    return {
        "library": "starhouse", "estimator": estimator, "loss": loss.name, "bits": loss.bits,
        "settings": described(settings),
    }  # fmt: skip
