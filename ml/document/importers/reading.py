"""Reading what a fitted estimator holds: numbers, categories, and what is not understood.

Belongs here: what importers of several families share. Does not belong here: what a class comes to.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ml.document.schema import DocumentError


def numbers(values: Any) -> list[float]:
    """An array, a number or a sparse matrix as a flat list of Python floats."""
    if hasattr(values, "toarray"):
        values = values.toarray()
    return np.ravel(np.asarray(values, dtype=np.float64)).tolist()


def rows(values: Any) -> list[list[float]]:
    """A matrix (rows, columns), dense or sparse, as lists; a vector is one row."""
    if hasattr(values, "toarray"):
        values = values.toarray()
    return np.atleast_2d(np.asarray(values, dtype=np.float64)).tolist()


def plain(values: Any) -> tuple[Any, ...]:
    """Labels as Python's own values."""
    return tuple(np.asarray(values).tolist())


def is_none(value: Any) -> bool:
    """Whether a category or a statistic is the missing one: None, NaN or pandas' NA."""
    return value is None or value != value or type(value).__name__ in ("NAType", "NaTType")


def refused(estimator: Any, option: str, value: Any, allowed: str) -> DocumentError:
    """The error for an option that has no counterpart in a document."""
    return DocumentError(
        f"{type(estimator).__name__}: {option} is {value!r}; allowed: {allowed}. "
        "Fit it with one of these, or score it by its own library."
    )


def same_count(estimator: Any, found: int, columns: list[str]) -> None:
    """Raise where an estimator was fitted on another number of columns."""
    if found != len(columns):
        raise DocumentError(
            f"{type(estimator).__name__} was fitted on {found} columns and is given {len(columns)}: "
            f"{', '.join(columns[:5])}. Name the columns it was fitted on."
        )
