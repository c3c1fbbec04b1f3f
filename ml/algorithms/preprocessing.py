"""The preprocessing that stands inside the fitted object, for the two families of algorithms.

Belongs here: the two column transformers and the way back from their columns to the declared features. Only
stock scikit-learn classes, so that the fitted object can be stored and loaded without code of ours.
Does not belong here: the conversion of rows to a frame (`ml.feature_frame`) and the models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from sklearn.compose import ColumnTransformer

    from ml.spec_fields import Feature


def _names(features: Sequence[Feature], *kinds: str) -> list[str]:
    return [feature.name for feature in features if feature.kind in kinds]


def for_linear(features: Sequence[Feature]) -> ColumnTransformer:
    """Median imputation with a missing indicator, scaling, and one-hot columns.

    A category that training never saw, or saw in under 20 rows, falls into the shared "infrequent" column;
    where training had none of those, into no column at all.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = Pipeline(
        [("impute", SimpleImputer(strategy="median", add_indicator=True)), ("scale", StandardScaler())]
    )
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20, sparse_output=True)
    return ColumnTransformer(
        [
            ("number", numbers, _names(features, "number", "boolean")),
            ("category", one_hot, _names(features, "category")),
        ],
        sparse_threshold=1.0,
    )


def for_trees(features: Sequence[Feature], *, impute: bool) -> ColumnTransformer:
    """Categories as ordinals in sorted order, -1 for one that training never saw. Null is a category too:
    the last one where training had nulls, else unseen.

    Numbers go through untouched (NaN is a value to these models), or with `impute` by the median with a
    missing indicator. Categories come first, so that their positions are 0 … k-1 whatever the declaration's
    order.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OrdinalEncoder

    ordinal = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2, dtype="float64"
    )
    numbers = SimpleImputer(strategy="median", add_indicator=True) if impute else "passthrough"
    return ColumnTransformer(
        [
            ("category", ordinal, _names(features, "category")),
            ("number", numbers, _names(features, "number", "boolean")),
        ]
    )


def by_feature(
    transformer: ColumnTransformer, features: Sequence[Feature], importance: np.ndarray
) -> dict[str, float]:
    """Importance of the transformed columns summed by declared feature, as shares of the whole (all 0 where
    nothing was used).
    """
    totals = dict.fromkeys((feature.name for feature in features), 0.0)
    longest_first = sorted(totals, key=len, reverse=True)
    for column, value in zip(transformer.get_feature_names_out(), importance, strict=True):
        bare = column.split("__", 1)[1].removeprefix("missingindicator_")
        totals[next(name for name in longest_first if bare == name or bare.startswith(f"{name}_"))] += float(
            value
        )
    whole = sum(totals.values())
    return {name: value / whole if whole else 0.0 for name, value in totals.items()}
