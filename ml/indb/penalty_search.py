"""Choosing a penalty by cross-validation, from cofactors split by fold: no row is read again.

The training part of a fold is the total less the fold; in time order it is the sum of the folds before. The
error on held-out rows is a quadratic form of their own cofactors.

Belongs here: folds, errors, the choice. Does not belong here: the path (`ml.indb.elastic_net`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.indb.cofactors import Cofactors, summed
from ml.indb.design import design_of, terms_of
from ml.indb.elastic_net import (
    PenaltyPath,
    check_design,
    fitted_path,
    one_thread,
    penalties_of,
)
from ml.indb.errors import InDatabaseError
from ml.indb.moments import mean_products_about, moments_of, refuse_near_dependent

ORDERS = ("any", "time")
Split = tuple[str, Cofactors, Cofactors]
"""A fold's name, the cofactors that train, and those that are held out."""


@dataclass(frozen=True)
class PenaltySearch:
    """The path on all rows, and `errors` (folds, a): the mean squared error on each fold's held-out rows."""

    path: PenaltyPath
    folds: tuple[str, ...]
    errors: np.ndarray

    @property
    def means(self) -> np.ndarray:
        """Mean error by penalty (a,), each fold counted once."""
        return self.errors.mean(axis=0)

    @property
    def best(self) -> int:
        """The place of the penalty with the smallest mean error; the larger penalty among equals."""
        return int(np.argmin(self.means))

    @property
    def simplest(self) -> int:
        """The place of the largest penalty within one standard error of the best."""
        if len(self.errors) < 2:
            return self.best
        spread = self.errors[:, self.best].std(ddof=1) / np.sqrt(len(self.errors))
        return int(np.flatnonzero(self.means <= self.means[self.best] + spread)[0])


def penalty_search(
    folds: Mapping[str, Cofactors],
    features: Iterable[str],
    target: str,
    *,
    order: str = "any",
    gap: int = 0,
    expected: int | None = None,
    ratio: float = 0.5,
    penalties: Sequence[float] | int = 50,
    standardize: bool = False,
) -> PenaltySearch:
    """Cross-validate a path over folds, which `measure(..., by=[fold]).by(fold)` gives.

    `order` "any" holds out each fold in turn; "time" takes folds in order of their names (as numbers where
    all are), and trains on those before, less the last `gap`: time for labels to become known. Penalties are
    those of all rows. `expected`: how many folds there should be; with fewer rows some stay empty.

    Raises:
        InDatabaseError: fewer than two folds, a fold without enough rows to train on, or what the path on
            all rows is refused for.
    """
    _check(folds, order, gap, expected)
    total = summed(folds.values())
    return penalty_search_on(
        total, splits(folds, total, order, gap), features, target,
        ratio=ratio, penalties=penalties, standardize=standardize,
    )  # fmt: skip


def penalty_search_on(
    total: Cofactors,
    parts: Iterable[Split],
    features: Iterable[str],
    target: str,
    *,
    ratio: float = 0.5,
    penalties: Sequence[float] | int = 50,
    standardize: bool = False,
) -> PenaltySearch:
    """The same over splits of your own, such as those of `ml.indb.cofactor_table`: of each its name, the
    cofactors that train and those that are held out. `total` is what the path in the end is fitted on.

    Raises:
        InDatabaseError: no split, a split without enough rows to train on, or what the path on all rows is
            refused for.
    """
    terms, _ = terms_of(total, features, every_level=ratio < 1.0)
    design = design_of(total, terms, target)
    check_design(design, ratio)
    moments = moments_of(design)
    falling = penalties_of(moments, ratio, penalties, standardize)
    errors, names = [], []
    with one_thread():
        refuse_near_dependent(design, moments, falling[-1] * (1.0 - ratio), standardize)
        for name, train, held in parts:
            if train.rows < 2:
                raise InDatabaseError(
                    f"fold {name!r} leaves {train.rows} row to train on; allowed: at least two. Use "
                    "fewer folds."
                )
            fit, away = design_of(train, terms, target), design_of(held, terms, target)
            path = fitted_path(fit, moments_of(fit), ratio, falling, standardize)
            errors.append(squared_errors(path.coefficients, mean_products_about(away, fit)))
            names.append(name)
        path = fitted_path(design, moments, ratio, falling, standardize)
    if not names:
        raise InDatabaseError("a search without a split; allowed: at least one.")
    return PenaltySearch(path, tuple(names), np.array(errors))


def splits(folds: Mapping[str, Cofactors], total: Cofactors, order: str, gap: int = 0) -> Iterable[Split]:
    """The splits of a search over folds."""
    names = in_order(folds)
    if order == "any":
        for name in names:
            yield name, total - folds[name], folds[name]
        return
    before: Cofactors | None = None
    for past, name in zip(names, names[gap + 1 :], strict=False):
        before = folds[past] if before is None else before + folds[past]
        yield name, before, folds[name]


def in_order(names: Iterable[str]) -> list[str]:
    """Whole numbers by size, other names as text: ISO dates come in order of time."""
    listed = list(names)
    are_numbers = all(name.removeprefix("-").isdecimal() for name in listed)
    return sorted(listed, key=int if are_numbers else str)


def squared_errors(coefficients: np.ndarray, products: np.ndarray) -> np.ndarray:
    """Mean squared errors (a,) of coefficients (a, p) on rows whose mean products about the training means
    are `products` (p + 1, p + 1), the target last.
    """
    weights = np.column_stack([-coefficients, np.ones(len(coefficients))])
    return np.maximum(np.einsum("ai,ij,aj->a", weights, products, weights), 0.0)


def _check(folds: Mapping[str, Cofactors], order: str, gap: int, expected: int | None) -> None:
    if order not in ORDERS:
        raise InDatabaseError(f"order is {order!r}; allowed: {', '.join(ORDERS)}.")
    if gap < 0 or (gap and order != "time"):
        raise InDatabaseError(f"gap is {gap!r} with order {order!r}; allowed: 0, or more in order of time.")
    rows = sum(part.rows for part in folds.values())
    if expected is not None and len(folds) != expected:
        raise InDatabaseError(
            f"{rows} rows fall into {len(folds)} of {expected} folds; allowed: rows in every fold. Use fewer "
            "folds, or a wider window."
        )
    if len(folds) < 2 + gap:
        raise InDatabaseError(
            f"cross-validation has {len(folds)} fold of {rows} rows; allowed: at least {2 + gap} "
            "with rows. Use fewer folds than rows, and a fold column that splits them."
        )
