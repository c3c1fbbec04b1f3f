"""The answer of ML.WEIGHTS as a model document: the same columns as TRANSFORM's, the same weights.

The document's margin is the intercept and the weighted columns, from the left. BigQuery does not say in
which order it adds them, so its own ML.PREDICT may differ in the last digits; what SQL, Python and HTTP
compute from the document does not. Belongs here: reading the rows. Does not belong here: boosters
(`ml.bqml.exported`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml.document import Builder, Head
from ml.indb.discriminants import ABOVE_ZERO
from ml.indb.errors import InDatabaseError

if TYPE_CHECKING:
    from ml.bqml.columns import Prepared
    from ml.document import Document

INTERCEPT = "__INTERCEPT__"
CLASSES = (False, True)


def weights_of(rows: Sequence[Mapping[str, Any]], prepared: Prepared) -> tuple[list[float], float]:
    """The weights (columns,) in the order of the columns, and the intercept.

    `rows` are those of `Model.weights`: `processed_input`, `weight`, and `categories`, how many weights by
    category a row has: none, for every column is a number.

    Raises:
        InDatabaseError: a column without a weight, one that TRANSFORM does not give, two weights of one, or
            one that is no finite number.
    """
    found: dict[str, float] = {}
    for row in rows:
        name, weight = str(row["processed_input"]), row["weight"]
        if name in found:
            raise _refused(f"has two weights of {name!r}", "one of each column; two classes, and no more")
        if row.get("categories") or weight is None or not math.isfinite(weight):
            raise _refused(f"gives {name!r} the weight {weight!r}", "a finite number")
        found[name] = float(weight)
    wanted = [one.name for one in prepared.columns]
    for name in [*wanted, INTERCEPT]:
        if name not in found:
            raise _refused(f"has no weight of {name!r}", f"those of {', '.join([*wanted[:5], INTERCEPT])}, …")
    if strange := sorted(set(found) - set(wanted) - {INTERCEPT}):
        raise _refused(f"has a weight of {strange[0]!r}", "those of TRANSFORM's columns")
    return [found[name] for name in wanted], found[INTERCEPT]


def linear_document(
    weights: Sequence[float], intercept: float, prepared: Prepared, kinds: Mapping[str, str], task: str,
    source: Mapping[str, Any],
) -> Document:  # fmt: skip
    """The document of a linear (`task` regression) or logistic model."""
    builder = Builder(str(source["estimator"]))
    columns = [one.node(builder, kinds[one.feature]) for one in prepared.columns]
    margin = builder.weighted(columns, weights, intercept, label="margin")
    return builder.document([margin], head_of(task), source)


def head_of(task: str) -> Head:
    """What the margin is: the label, or log odds of a positive."""
    return Head("identity") if task == "regression" else Head("sigmoid", CLASSES, ABOVE_ZERO)


def sizes_of(weights: Sequence[float], prepared: Prepared) -> dict[str, float]:
    """By feature the sum of its columns' absolute weights, each by the deviation of its column."""
    sizes: dict[str, float] = {}
    for one, weight, deviation in zip(prepared.columns, weights, prepared.deviations, strict=True):
        sizes[one.feature] = sizes.get(one.feature, 0.0) + abs(weight) * deviation
    return sizes


def _refused(what: str, allowed: str) -> InDatabaseError:
    return InDatabaseError(
        f"the answer of ML.WEIGHTS {what}; allowed: {allowed}. The model is not imported; look at it with "
        "ML.WEIGHTS and ML.FEATURE_INFO."
    )
