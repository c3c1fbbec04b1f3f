"""How much each feature gained in the trees that stay: exact sums, so the same from every engine.

Belongs here: gains and counts of splits. Does not belong here: explaining one answer (`ml.document.explain`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml.indb.boosting import FittedTrees


@dataclass(frozen=True)
class Importance:
    """`splits`: nodes that the feature divides. `gain`: what these splits gained in all, in the unit of
    LightGBM's `importance_type="gain"`: twice what the loss falls by, before the learning rate, weights
    counted.
    """

    splits: int
    gain: float


def importances(fitted: FittedTrees) -> dict[str, Importance]:
    """By feature, in the order of the document's inputs. With early stopping only rounds that stay count; a
    forest's gains are those of all its trees added, in rows drawn.
    """
    names = [one.name for one in fitted.document.inputs]
    counts, gains = [0] * len(names), [Fraction(0)] * len(names)
    for tree in fitted.trees:
        for node in tree.nodes:
            if node.split is not None:
                counts[node.split.feature] += 1
                gains[node.split.feature] += node.split.gain
    found = zip(names, counts, gains, strict=True)
    return {name: Importance(count, fitted.loss.gain(gain)) for name, count, gain in found}
