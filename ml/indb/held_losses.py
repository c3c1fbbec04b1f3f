"""What candidates of trees lose on rows that are held out, after each round, from one table of all rows.

Bins, first scores, splits and leaves come from the training rows alone, but that the label's steps are fine
enough for all rows; a loss is a sum of whole numbers.

Belongs here: one set of held rows. Does not belong here: folds by a column of numbers
(`ml.indb.tree_search`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.indb.bin_scan import scan
from ml.indb.cells import HELD
from ml.indb.errors import InDatabaseError
from ml.indb.grouped_values import column
from ml.indb.tree_engines import check_engine, tables_of
from ml.indb.tree_search import Fold, Judge, Settings
from ml.indb.tree_settings import Forest

if TYPE_CHECKING:
    from ml.indb.bin_scan import Scan
    from ml.indb.tree_settings import TreeRows
    from warehouse.client import Warehouse


@dataclass(frozen=True)
class HeldLosses:
    """By candidate the mean loss a row (its weight) before the first round and after each, of a forest one:
    squared, over classes Brier's, or the log loss. `bytes_out`: what left the warehouse.
    """

    curves: tuple[tuple[float, ...], ...]
    bytes_out: int


def held_losses(
    wh: Warehouse,
    rows: TreeRows,
    candidates: Sequence[Settings],
    *,
    most_bins: int = 64,
    engine: str = "auto",
) -> HeldLosses:
    """Train each candidate on the rows that are not held, and lose on those that are.

    Raises:
        InDatabaseError: rows that cannot be trained on, or none is held out.
        WarehouseError: a statement fails.
    """
    samples = max((one.trees for one in candidates if isinstance(one, Forest) and one.sample), default=0)
    check_engine(engine, samples=samples > 0)
    found = scan(wh, rows, most_bins, for_export=engine == "export")
    held = _held(wh, rows, found)
    with tables_of(wh, rows, found, engine, samples=samples, most_bins=most_bins) as tables:
        judge = Judge(tables, found.label, rows, {})
        curves = [judge.curve(one, held) for one in candidates]
    return HeldLosses(tuple(tuple(map(float, one)) for one in curves), judge.bytes_out)


def _held(wh: Warehouse, rows: TreeRows, found: Scan) -> Fold:
    """The held rows, as a fold."""
    w, targets = f"({found.weight})::numeric", found.label.sqls(column(rows.label))
    squares = " + ".join(f"{t}::numeric * {t}" for t in targets)
    one = wh.query(
        f"select count(*) as rows, coalesce(sum({w}), 0)::text as weight, "
        f"coalesce(sum({w} * ({squares})), 0)::text as squares from {rows.relation} as r "
        f"where {found.is_used} and not ({found.is_training})"
    )[0]
    if not one["rows"]:
        raise InDatabaseError("no row is held out; allowed: some. Name a time and a share, or a held column.")
    return Fold(HELD, one["rows"], int(one["weight"]), int(one["squares"]))
