"""Where to train: over cells, factorised over a star, over the joined rows, or on exported rows.

Belongs here: the choice, with its reason. Does not belong here: statistics (`ml.indb.work_statistics`), unit
costs (`ml.indb.unit_costs`), the formulas (`ml.indb.way_costs`), keeping what came of it
(`ml.indb.training_record`), training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ml.indb.errors import InDatabaseError
from ml.indb.unit_costs import unit_costs
from ml.indb.way_costs import Estimate, estimates
from ml.indb.work_statistics import WorkStatistics, read_statistics

if TYPE_CHECKING:
    from ml.indb.training_work import TrainingWork
    from warehouse.client import Warehouse

WAYS = ("cells", "factorised", "joined", "export")
FEW_ROWS = 10_000
"""So few rows are trained on in the warehouse unmeasured: any way takes less than a calibration."""
STAYING = ("factorised", "joined")
"""Ways on which no row leaves."""


@dataclass(frozen=True)
class TrainingPlan:
    """The choice. `estimates` of every way, the quickest first; empty where too few rows were worth one.
    `is_asked`: the way was asked for, whatever the estimates.
    """

    trainer: str
    way: str
    reason: str
    is_asked: bool
    estimates: tuple[Estimate, ...]
    statistics: WorkStatistics

    @property
    def chosen(self) -> Estimate | None:
        """The estimate of the chosen way."""
        return next((one for one in self.estimates if one.way == self.way), None)

    @property
    def seconds(self) -> float | None:
        """Estimated wall seconds of the chosen way."""
        return self.chosen.seconds if self.chosen else None

    @property
    def bytes_out(self) -> int | None:
        """Estimated bytes that leave the warehouse on the chosen way."""
        return self.chosen.bytes_out if self.chosen else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for metadata."""
        return {
            "trainer": self.trainer,
            "way": self.way,
            "reason": self.reason,
            "is_asked": self.is_asked,
            "estimated_seconds": self.seconds,
            "estimated_bytes_out": self.bytes_out,
            "estimates": estimates_dict(self.estimates),
            "statistics": statistics_dict(self.statistics),
        }  # fmt: skip


def plan_training(wh: Warehouse, work: TrainingWork, way: str = "auto") -> TrainingPlan:
    """Choose before anything is trained; `way` other than "auto" overrides. Reads statistics, and measures
    unit costs where none of the last week are kept.

    Raises:
        InDatabaseError: the work has no such way, or there are no rows.
        WarehouseError: a column does not exist.
    """
    if way != "auto" and way not in work.ways:
        raise InDatabaseError(
            f"way is {way!r}; allowed for {work.trainer}: auto, {', '.join(work.ways)}."
            + (" Only a declared star is factorised." if way == "factorised" else "")
        )
    found = read_statistics(wh, work)
    if found.rows <= FEW_ROWS or wh.dialect == "bigquery":
        return _unmeasured(work, found, way)
    return choose(work, found, estimates(work, found, unit_costs(wh, work.trainer)), way)


def _unmeasured(work: TrainingWork, found: WorkStatistics, way: str) -> TrainingPlan:
    """The plan where no costs are measured: few rows; BigQuery, where a job's start drowns a row's cost, and
    rows stay because what leaves is paid for.
    """
    open_ = work.open_ways or work.ways
    if way != "auto":
        chosen, reason = way, "as asked for"
    elif found.rows <= FEW_ROWS:
        chosen, reason = open_[0], f"{found.rows:,} rows are too few to measure"
    else:
        chosen = next((one for one in open_ if one in STAYING), open_[0])
        reason = f"{found.rows:,} rows stay on BigQuery, whose costs are not measured by trial"
    return TrainingPlan(work.trainer, chosen, reason, way != "auto", (), found)


def choose(
    work: TrainingWork, found: WorkStatistics, costs: Sequence[Estimate], way: str = "auto"
) -> TrainingPlan:
    """The quickest of the estimated ways; of equals the one that lets fewer bytes out."""
    ordered = tuple(sorted(costs, key=lambda one: (one.seconds, one.bytes_out)))
    open_ = [one for one in ordered if work.open_ways is None or one.way in work.open_ways]
    free = [one.way for one in open_ if one.memory_bytes <= work.memory_bytes]
    chosen = free[0] if way == "auto" else way
    listed = ", ".join(
        f"{one.way} {one.seconds:.2f} s with {size_text(one.bytes_out)} out" for one in ordered
    )
    head = "as asked for" if way != "auto" else f"{chosen} is the quickest"
    if way == "auto" and chosen != ordered[0].way:
        head += f" of {' and '.join(free)}, {ordered[0].way} would be quicker"
    allowed = f"in memory of {size_text(work.memory_bytes)} allowed"
    too_large = [
        f"{one.way} would hold {size_text(one.memory_bytes)} {allowed}"
        for one in open_
        if one.memory_bytes > work.memory_bytes
    ]
    reason = f"{'; '.join([head, *too_large])}: {_work_text(work, found)}: {listed}"
    return TrainingPlan(work.trainer, chosen, reason, way != "auto", ordered, found)


def _work_text(work: TrainingWork, found: WorkStatistics) -> str:
    parts = [f"{found.rows:,} rows", f"{len(work.numbers)} numbers", f"{len(work.categories)} categories"]
    if found.wide:
        parts.append(f"{found.wide} of the numbers summed as NUMERIC")
    if found.cells is not None:
        parts.append(f"{found.cells:,} distinct rows")
    if found.keys:
        parts.append(f"{', '.join(f'{keys:,}' for keys in found.keys)} keys of its dimensions")
    if work.rounds > 1:
        parts.append(f"{work.rounds} {'trees' if work.trainer == 'trees' else 'passes'}")
    return ", ".join(parts)


def size_text(size: int) -> str:
    """Bytes as people read them."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= least:
            return f"{size / least:.1f} {unit}"
    return f"{size} B"


def estimates_dict(costs: Sequence[Estimate]) -> dict[str, dict[str, float]]:
    """Estimates by way, as JSON takes them."""
    names = ("seconds", "bytes_out", "memory_bytes")
    return {one.way: {name: getattr(one, name) for name in names} for one in costs}


def statistics_dict(found: WorkStatistics) -> dict[str, Any]:
    """Statistics as JSON takes them."""
    plain = asdict(found)
    plain["pairs"] = [[*places, count] for places, count in found.pairs.items()]
    return plain
