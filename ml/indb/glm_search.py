"""Choosing the penalty of a generalised linear model by cross-validation, in the warehouse.

One table serves all fits: a fold's training lines and its held-out lines are conditions on it. Penalties are
tried from the largest to the smallest, each from the coefficients of the last.

Belongs here: folds, scores, the choice. Does not belong here: one fit (`ml.indb.glm`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ml.indb.columns import Category, Number
from ml.indb.elastic_net import one_thread
from ml.indb.errors import InDatabaseError
from ml.indb.fitting import dropped, fitting
from ml.indb.glm import fitted
from ml.indb.glm_family import family_of
from ml.indb.glm_fit import GlmFit
from ml.indb.glm_newton import newton
from ml.indb.glm_pass import GlmPass
from ml.indb.glm_penalty import check_penalty, check_standardize, penalty_matrix, spread_of
from ml.indb.glm_profile import Profile, profile
from ml.indb.glm_rows import GlmRows, glm_rows
from ml.indb.glm_start import along, featureless, near_start
from ml.indb.glm_table import GlmTable, glm_table, in_steps, steps_for
from ml.indb.glm_terms import glm_terms
from ml.indb.penalty_search import ORDERS, in_order
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse


@dataclass(frozen=True)
class GlmSearch:
    """`losses` (folds, a): the mean negative log-likelihood of each fold's held-out rows, up to a constant,
    by penalty, falling. `fit` is that of all rows at the chosen penalty, `penalties[best]`.
    """

    penalties: np.ndarray
    folds: tuple[str, ...]
    losses: np.ndarray
    best: int
    fit: GlmFit
    passes: int
    bytes_out: int

    @property
    def means(self) -> np.ndarray:
        """Mean loss by penalty (a,), each fold counted once."""
        return self.losses.mean(axis=0)


def glm_search(
    wh: Warehouse,
    relation: str,
    columns: Sequence[str | Number | Category],
    target: str,
    family: str,
    fold: str,
    penalties: Sequence[float],
    *,
    order: str = "any",
    gap: int = 0,
    simplest: bool = False,
    where: str | None = None,
    weight: str | None = None,
    standardize: bool | str = False,
) -> GlmSearch:
    """Cross-validate penalties above 0 over the values of the column `fold`, then fit all rows.

    `order` "any" holds out each fold in turn; "time" takes folds in order of their names (as numbers where
    all are) and trains on those before, less the last `gap`. `simplest` takes the largest penalty within one
    standard error of the best. The other settings are those of `ml.indb.glm.fit_glm`.

    Raises:
        InDatabaseError: as `fit_glm`; a penalty that is not above 0, too few folds, a fold that leaves one
            class, or no target above 0, to train on.
        WarehouseError: a column does not exist, or a statement fails.
    """
    check_standardize(standardize)
    falling = np.array(sorted(map(check_penalty, penalties), reverse=True))
    if not len(falling) or falling[-1] <= 0.0 or order not in ORDERS or gap < 0 or (gap and order != "time"):
        raise InDatabaseError(
            f"penalties {list(penalties)!r}, order {order!r}, gap {gap!r}; allowed: penalties above 0; order "
            f"{' or '.join(ORDERS)}; a gap of 0, or more in order of time."
        )
    with fitting(wh), one_thread():
        rows = glm_rows(wh, relation, columns, target, family, where, weight, fold)
        found = profile(wh, rows)
        table = glm_table(wh, rows, found)
        with dropped(wh, table.table):
            return _searched(wh, _Folds(wh, rows, found, table, standardize), falling, order, gap, simplest)


class _Folds:
    """Fits and losses on parts of one table."""

    def __init__(
        self, wh: Warehouse, rows: GlmRows, found: Profile, table: GlmTable, standardize: bool | str
    ) -> None:
        self.rows, self.found, self.table, self.standardize = rows, found, table, standardize
        self.terms = glm_terms(rows, found, table, len(table.totals), every_level=True)
        self.family = family_of(rows.family, len(table.totals), table.largest)
        self.passes = self.bytes_out = 0
        self._wh = wh

    def names(self) -> list[str]:
        found = self._wh.query(f"select distinct f from {self.table.table}")
        return in_order(row["f"] for row in found)

    def path(self, fold: str, train: list[str], penalties: np.ndarray) -> list[float]:
        """The loss on a fold by penalty, of fits on others."""
        inside, held = self._part(train), self._part([fold])
        self._check(fold, inside.table)
        spread = spread_of(self._wh, inside) if self.standardize else None
        (theta, peak), information, losses = featureless(inside), None, []
        for penalty in penalties.tolist():
            ridge = penalty_matrix(inside, penalty, spread, levels=self.standardize is True)
            near = (
                near_start(self._wh, inside, ridge)
                if information is None
                else along(inside, theta, peak, information, ridge)
            )
            if near is None:
                ended = newton(inside, theta, peak, ridge, lambda direction: None)
                near = ended.theta, ended.sums.peak, ended.sums.information.reshape(ridge.shape)
            theta, peak, information = near
            losses.append(self._loss(held, theta, peak))
        self.passes += inside.count + held.count
        self.bytes_out += inside.bytes_out + held.bytes_out
        return losses

    def _part(self, folds: list[str]) -> GlmPass:
        listed = ", ".join(map(POSTGRES.text, folds))
        condition = f"p.f = any (array[{listed}]::text[])"
        n, s = (steps_for(one * self.table.lines) for one in self.table.largest)
        sums = [in_steps("p.n", n), *(in_steps(f"p.s{m + 1}", s) for m in range(self.family.margins))]
        listed = ", ".join(f"coalesce({one}, 0)::text" for one in sums)
        texts = self._wh.scalar(f"select array[{listed}] from {self.table.table} as p where {condition}")
        totals = tuple(int(text) / s for text in texts[1:])
        part = replace(self.table, weight=int(texts[0]) / n, totals=totals)
        return GlmPass(self._wh, part, self.terms, self.family, condition)

    def _check(self, fold: str, table: GlmTable) -> None:
        shares = [*table.totals]
        if self.rows.classifies:
            shares.append(table.weight - sum(table.totals))
        if min(shares) <= table.weight * 1e-12:
            lacks = "a class" if self.rows.classifies else "a value above 0"
            raise InDatabaseError(
                f"fold {fold!r} leaves rows to train on without {lacks} of target {self.rows.target!r}; "
                "allowed: every class in each training part. Use fewer folds, or a wider window."
            )

    def _loss(self, held: GlmPass, theta: np.ndarray, peak: float) -> float:
        """Means of held-out rows may be larger than any that was trained on."""
        for _ in range(8):
            sums = held(theta, peak, is_light=True)
            if not sums.is_over:
                return -sums.kernel / held.table.weight
            peak *= 1e3
        return float("inf")


def _searched(
    wh: Warehouse, parts: _Folds, penalties: np.ndarray, order: str, gap: int, simplest: bool
) -> GlmSearch:
    names = parts.names()
    if len(names) < 2 + gap:
        raise InDatabaseError(
            f"cross-validation has {len(names)} fold of {parts.table.rows} rows; allowed: at least "
            f"{2 + gap}. Use fewer folds than rows, and a fold column that splits them."
        )
    splits = list(_splits(names, order, gap))
    losses = np.array([parts.path(fold, train, penalties) for fold, train in splits])
    best = _best(losses, simplest)
    fit = fitted(wh, parts.rows, parts.found, parts.table, float(penalties[best]), parts.standardize)
    return GlmSearch(
        penalties, tuple(fold for fold, _ in splits), losses, best, fit,
        parts.passes + fit.passes, parts.bytes_out + fit.bytes_out,
    )  # fmt: skip


def _splits(names: list[str], order: str, gap: int) -> Iterable[tuple[str, list[str]]]:
    for at, name in enumerate(names):
        if order == "any":
            yield name, names[:at] + names[at + 1 :]
        elif at > gap:
            yield name, names[: at - gap]


def _best(losses: np.ndarray, simplest: bool) -> int:
    means = losses.mean(axis=0)
    best = int(np.argmin(means))
    if not simplest or len(losses) < 2:
        return best
    spread = losses[:, best].std(ddof=1) / np.sqrt(len(losses))
    return int(np.flatnonzero(means <= means[best] + spread)[0])
