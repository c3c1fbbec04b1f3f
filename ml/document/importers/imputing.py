"""scikit-learn's imputers of one column at a time: SimpleImputer, MissingIndicator.

A text column has no number yet, so that its missing values are filled where the encoder behind reads it
(`Builder.filled_text`). Belongs here: filling and marking. Does not belong here: imputation from other
columns, which is refused.
"""

from __future__ import annotations

from typing import Any

from ml.document.build import Builder
from ml.document.importers.reading import is_none, refused, same_count


def _missing_is_missing(imputer: Any) -> None:
    if not is_none(imputer.missing_values):
        raise refused(imputer, "missing_values", imputer.missing_values, "NaN, None")


def _simple(builder: Builder, imputer: Any, columns: list[str]) -> list[str]:
    """Each column filled by its statistic; one that was all missing is dropped, unless it is to be kept."""
    _missing_is_missing(imputer)
    same_count(imputer, len(imputer.statistics_), columns)
    given = []
    for x, statistic in zip(columns, imputer.statistics_, strict=True):
        if is_none(statistic):
            if imputer.keep_empty_features:
                raise refused(imputer, f"the statistic of {x!r}", statistic, "a value")
        elif builder.is_text(x):
            given.append(builder.filled_text(x, str(statistic)))
        else:
            given.append(builder.impute(x, _number(imputer, x, statistic)))
    if imputer.add_indicator:
        given += _indicator(builder, imputer.indicator_, columns)
    return given


def _number(imputer: Any, x: str, statistic: Any) -> float:
    if isinstance(statistic, str):
        raise refused(imputer, f"the statistic of {x!r}", statistic, "a number, as the column holds numbers")
    return float(statistic)


def _indicator(builder: Builder, indicator: Any, columns: list[str]) -> list[str]:
    """1 where a column is missing, for those that had missing values in training (or for all)."""
    _missing_is_missing(indicator)
    return [builder.is_missing(columns[int(place)]) for place in indicator.features_]


TRANSFORMERS = {"sklearn.SimpleImputer": _simple, "sklearn.MissingIndicator": _indicator}
