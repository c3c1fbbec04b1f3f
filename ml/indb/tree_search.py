"""Choosing settings of trees by cross-validation: one scan and one table serve every candidate and fold.

Bins are cut on all rows, as a binned feature table would have them: they are marginal quantiles and know no
label, though a fold's bins are not those of a training without it. Everything else of a fold, first scores,
splits and leaves, comes from its training rows alone, and losses are sums of whole numbers, so a search has
one answer whatever the engine, workers or order of rows. A boosting of n rounds is watched after each, so
rounds need no candidates of their own, as in LightGBM's `cv`.

Belongs here: folds, losses, the choice. Does not belong here: training on all rows
(`ml.indb.train_trees`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ml.indb.bin_scan import WHOLE, Scan, scan
from ml.indb.boosting import boosted_rounds, forest_trees
from ml.indb.errors import InDatabaseError
from ml.indb.grouped_values import column
from ml.indb.losses import Loss, loss_of
from ml.indb.tree_engines import Tables, check_engine, tables_of
from ml.indb.tree_settings import Boosting, Forest, TreeRows

if TYPE_CHECKING:
    from ml.indb.histograms import Engine
    from ml.indb.labels import Label
    from warehouse.client import Warehouse

ORDERS = ("any", "time")
MOST_FOLDS, LARGEST_FOLD = 1_000, 32_767
Settings = Boosting | Forest


@dataclass(frozen=True)
class Fold:
    """A fold's number, its rows, their weight, and their weighted sum of squared targets in steps squared."""

    number: int
    rows: int
    weight: int
    squares: int


@dataclass(frozen=True)
class TreeSearch:
    """`losses` (candidates, held folds): mean loss a row (its weight) at the candidate's best `rounds`; of
    `loss` squared, over classes the Brier score, or logistic or softmax, the log loss. `bytes_out`: what left
    the warehouse.
    """

    candidates: tuple[Settings, ...]
    loss: str
    losses: np.ndarray
    rounds: tuple[int, ...]
    engine: str
    rows: int
    cells: int | None
    bytes_out: int

    @property
    def means(self) -> np.ndarray:
        """Mean loss by candidate, each fold counted once."""
        return self.losses.mean(axis=1)

    @property
    def best(self) -> int:
        """The place of the candidate of the least mean loss, the first of equals."""
        return int(np.argmin(self.means))

    @property
    def chosen(self) -> Settings:
        """The best candidate, boosting with its best number of rounds."""
        best = self.candidates[self.best]
        return replace(best, rounds=self.rounds[self.best]) if isinstance(best, Boosting) else best


def search_trees(
    wh: Warehouse, rows: TreeRows, candidates: Sequence[Settings], fold: str, *, order: str = "any",
    gap: int = 0, most_bins: int = 64, engine: str = "auto",
) -> TreeSearch:  # fmt: skip
    """Cross-validate each of the candidates over the folds that the column `fold` numbers.

    `order` "any" holds out each fold in turn; "time" takes folds by number and trains on those before, less
    the last `gap`: time for labels to become known. `engine` as in `train_trees`.

    Raises:
        InDatabaseError: rows that cannot be trained on; no or different kinds of candidates; fewer than two
            folds, or a fold column that is missing in some rows or is no whole number.
        WarehouseError: a statement fails.
    """
    name = _check(rows, candidates, order, gap)
    samples = max((one.trees for one in candidates if isinstance(one, Forest) and one.sample), default=0)
    check_engine(engine, samples=samples > 0)
    found = scan(wh, rows, most_bins, for_export=engine == "export")
    folds = _folds(wh, rows, found, fold)
    first = 0 if order == "any" else 1 + gap
    if len(folds) < max(2, 1 + first):
        raise InDatabaseError(
            f"fold column {fold!r} makes {len(folds)} folds; allowed: at least {max(2, 1 + first)}. Use a "
            "column that splits the rows."
        )
    # In order of time, what trains comes before the folds of the gap.
    limits = {folds[at].number: folds[at - gap].number for at in range(first, len(folds)) if first}
    numbered = {"most_bins": most_bins, "fold": column(fold)}
    with tables_of(wh, rows, found, engine, samples=samples, **numbered) as tables:
        judge = Judge(tables, found.label, rows, limits)
        curves = [_padded([judge.curve(one, held) for held in folds[first:]]) for one in candidates]
    rounds = [_best_round(one, settings) for one, settings in zip(curves, candidates, strict=True)]
    losses = [
        [float(losses[min(at, len(losses) - 1)]) for losses in one]
        for one, at in zip(curves, rounds, strict=True)
    ]
    total = sum(one.rows for one in folds)
    return TreeSearch(
        tuple(candidates), name, np.array(losses), tuple(rounds), tables.chosen, total, tables.cell_count,
        judge.bytes_out,
    )  # fmt: skip


class Judge:
    """Losses of candidates on folds, from the same tables; `limits`: by fold, in order of time, the first
    number that does not train.
    """

    def __init__(self, tables: Tables, label: Label, rows: TreeRows, limits: dict[int, int]) -> None:
        self._tables, self._label, self._rows, self._limits = tables, label, rows, limits
        self.bytes_out = tables.bytes_out

    def curve(self, settings: Settings, held: Fold) -> list[Fraction]:
        """Mean losses on a fold, after each round of boosting from before the first on, of a forest one."""
        engine = self._tables.engine(held.number, before=self._limits.get(held.number))
        try:
            if isinstance(settings, Boosting):
                label = self._label
                loss = loss_of(
                    settings.loss, self._rows.objective, label.bits, label.targets, label.weight_steps
                )
                _, found = boosted_rounds(engine, loss, self._rows, settings, stops=False, watches=True)
                losses = [Fraction(one) for one in found]
            else:
                loss, losses = self._of_forest(engine, settings)
            self.bytes_out += engine.bytes_out
        finally:
            engine.close()
        squares = held.squares if loss.name == "squared" else 0
        return [(one + squares) / loss.steps**2 / held.weight for one in losses]

    def _of_forest(self, engine: Engine, settings: Forest) -> tuple[Loss, list[Fraction]]:
        loss, trees = forest_trees(engine, self._label, self._rows, settings)
        engine.begin(loss, [0] * loss.outputs)
        for tree in trees:
            engine.grown(tree, range(loss.outputs), is_last=False)
        engine.update()
        return loss, [Fraction(engine.validation_loss(len(trees)), len(trees) ** 2)]


def _padded(parts: Sequence[list[Fraction]]) -> list[list[Fraction]]:
    """A fold whose trees came to their end keeps its last loss."""
    most = max(map(len, parts))
    return [[*one, *[one[-1]] * (most - len(one))] for one in parts]


def _best_round(parts: Sequence[list[Fraction]], settings: Settings) -> int:
    """The number of rounds, at least one, of the least mean over folds; a forest's number of trees."""
    if isinstance(settings, Forest):
        return settings.trees
    means = [sum(losses) for losses in zip(*parts, strict=True)]
    return means.index(min(means[1:]), 1) if len(means) > 1 else 1


def _folds(wh: Warehouse, rows: TreeRows, found: Scan, fold: str) -> list[Fold]:
    """The folds by number."""
    name = column(fold)
    kind = wh.scalar(f"select pg_typeof({name})::text from {rows.relation} as r limit 1")
    if kind not in WHOLE:
        raise InDatabaseError(f"fold column {fold!r} is {kind}; allowed: {', '.join(WHOLE)}. Cast it.")
    w = f"({found.weight})::numeric"
    squares = " + ".join(f"{t}::numeric * {t}" for t in found.label.sqls(column(rows.label)))
    listed = wh.query(
        f"select {name} as number, count(*) as rows, sum({w})::text as weight, sum({w} * ({squares}))::text "
        f"as squares from {rows.relation} as r where {found.is_used} group by 1 order by 1 nulls first "
        f"limit {MOST_FOLDS + 1}"
    )
    numbers = [one["number"] for one in listed]
    if None in numbers or len(numbers) > MOST_FOLDS or not 0 <= min(numbers) <= max(numbers) <= LARGEST_FOLD:
        raise InDatabaseError(
            f"fold column {fold!r} has the numbers {numbers[:3]}, …; allowed: up to {MOST_FOLDS} different "
            f"ones from 0 to {LARGEST_FOLD} and none missing. Number the folds in the relation."
        )
    return [Fold(one["number"], one["rows"], int(one["weight"]), int(one["squares"])) for one in listed]


def _check(rows: TreeRows, candidates: Sequence[Settings], order: str, gap: int) -> str:
    """The candidates' loss."""
    losses = {
        "squared" if isinstance(one, Forest) else loss_of(one.loss, rows.objective, 1).name
        for one in candidates
    }
    if len(losses) != 1:
        raise InDatabaseError(
            f"{len(candidates)} candidates have the losses {sorted(losses)}; allowed: one loss, since others "
            "cannot be compared. Search boosting and forests of classes apart, or set loss='squared'."
        )
    if rows.watches:
        raise InDatabaseError("rows are held out beside folds; allowed: none. Leave validation and held out.")
    if order not in ORDERS or gap < 0 or (gap and order != "time"):
        raise InDatabaseError(
            f"order is {order!r} with gap {gap!r}; allowed: {', '.join(ORDERS)}, and a gap from 0 in order "
            "of time."
        )
    return losses.pop()
