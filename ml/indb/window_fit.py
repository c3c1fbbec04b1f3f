"""A linear model of any window of days, from cofactors that dbt keeps by day: no row is read.

Belongs here: from a kept table to a model document. Does not belong here: reading the table
(`ml.indb.cofactor_table`), the arithmetic (`ml.indb.elastic_net`, `ml.indb.linear`), what is registered.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.document import Document
from ml.indb.cofactor_table import CofactorTable
from ml.indb.cofactors import Cofactors
from ml.indb.columns import IS_MISSING
from ml.indb.linear import LeastSquares, least_squares
from ml.indb.linear_document import least_squares_document, penalised_document
from ml.indb.penalty_search import PenaltySearch, penalty_search_on

if TYPE_CHECKING:
    from warehouse.client import Warehouse


@dataclass(frozen=True)
class WindowFit:
    """`document` scores rows; `fit` is the path with its cross-validation, or least squares; `rows` were
    trained on.
    """

    document: Document
    fit: PenaltySearch | LeastSquares
    rows: int


def fit_window(
    wh: Warehouse,
    table: CofactorTable,
    target: str,
    first: dt.date,
    last: dt.date,
    *,
    known_before: dt.date | None = None,
    features: Sequence[str] | None = None,
    ratio: float = 0.5,
    penalties: Sequence[float] | int = 50,
    folds: int = 5,
    standardize: bool = True,
    name: str = "window",
) -> WindowFit:
    """An elastic net of the days from `first` to `last`, both included, with the penalty that is best on
    `folds` blocks of days held out in order of time; every training part knows only labels that were known
    before its block. `features`: None for all that the table keeps. `known_before` closes the window at the
    beginning of a day (UTC).

    Raises:
        InDatabaseError: the table keeps too few days, or what `penalty_search_on` refuses.
        WarehouseError: there is no such table.
    """
    total, splits = table.splits(wh, first, last, folds, known_before)
    used = _features(total, target, features)
    search = penalty_search_on(
        total, splits, used, target, ratio=ratio, penalties=penalties, standardize=standardize
    )
    document = penalised_document(search.path, search.best, _kinds(total), name)
    return WindowFit(document, search, total.rows)


def least_squares_window(
    wh: Warehouse,
    table: CofactorTable,
    target: str,
    first: dt.date,
    last: dt.date,
    *,
    known_before: dt.date | None = None,
    features: Sequence[str] | None = None,
    name: str = "window",
) -> WindowFit:
    """Least squares of the same days, with errors and tests of its coefficients.

    Raises:
        InDatabaseError: the table keeps no such day, or what `least_squares` refuses.
        WarehouseError: there is no such table.
    """
    total = table.window(wh, first, last, known_before)
    fit = least_squares(total, _features(total, target, features), target)
    return WindowFit(least_squares_document(fit, _kinds(total), name), fit, total.rows)


def _features(total: Cofactors, target: str, features: Sequence[str] | None) -> list[str]:
    if features is not None:
        return list(features)
    numbers = [name for name in total.columns if not name.endswith(IS_MISSING) and name != target]
    return [*numbers, *total.categories]


def _kinds(total: Cofactors) -> dict[str, str]:
    """The macro casts categories to text."""
    return {**dict.fromkeys(total.columns, "number"), **dict.fromkeys(total.categories, "category")}
