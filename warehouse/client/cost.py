"""What a step would read before it runs: bytes by a dry run on BigQuery, by EXPLAIN on Postgres; and a
budget.

Belongs here: estimates of statements, money, the budget. Does not belong here: which statements a job sends
(`ml.cost`, orchestration), or the client's own limit of each query.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from warehouse.client.errors import SettingsError, WarehouseError

if TYPE_CHECKING:
    from warehouse.client.warehouse import Warehouse

TEBIBYTE, MEBIBYTE = 2**40, 2**20
LEAST_BILLED = 10 * MEBIBYTE
"""BigQuery bills whole MiB, and at least ten for a query (cloud.google.com/bigquery/pricing)."""

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
         "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}  # fmt: skip
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")
_MISSING = (
    re.compile(r'relation "(?P<table>[^"]+)" does not exist'),
    re.compile(r"table (?P<table>[\w.]+) is not known"),
    re.compile(r"[Tt]able [\w.-]+[:.](?P<table>\w+\.[\w$]+)"),
    re.compile(r'schema "(?P<table>[^"]+)" does not exist'),
    re.compile(r"[Dd]ataset [\w.-]+:(?P<table>\w+)"),
)


class BudgetError(WarehouseError):
    """A job would read more than its budget; nothing was started."""


@dataclass(frozen=True)
class Step:
    """One thing that a job does. `stage`: load, build, train, score or monitor. `sql`: the statement that
    reads, None where nothing is read or billed; `times`: how often. `is_own`: written in the engine's own SQL
    rather than in Postgres'. `is_priced`: at the price of a query. `unknown`: why it cannot be estimated.
    """

    stage: str
    name: str
    sql: str | None = None
    params: Mapping[str, Any] | None = None
    times: int = 1
    note: str = ""
    is_own: bool = False
    is_priced: bool = True
    unknown: str = ""


@dataclass(frozen=True)
class StepCost:
    """A step's `bytes` in all and `rows` of its result (None: not told), or why they are `unknown`."""

    step: Step
    bytes: int | None
    rows: int | None = None
    unknown: str = ""

    def money(self, price_per_tib: float | None) -> float | None:
        """Dollars, as BigQuery rounds bytes; None where the bytes are unknown, or have another price."""
        if self.bytes is None or price_per_tib is None or not self.step.is_priced:
            return None
        once = self.bytes / self.step.times
        billed = max(math.ceil(once / MEBIBYTE) * MEBIBYTE, LEAST_BILLED) if once else 0
        return billed * self.step.times / TEBIBYTE * price_per_tib


def estimated(wh: Warehouse, steps: Iterable[Step]) -> list[StepCost]:
    """What each step would read. Nothing is run: BigQuery's dry runs cost nothing, EXPLAIN reads statistics.

    On Postgres `bytes` are at most those of the tables that the plan scans. Raises WarehouseError where the
    warehouse cannot be reached.
    """
    return [estimated_step(wh, step) for step in steps]


def estimated_step(wh: Warehouse, step: Step) -> StepCost:
    """What one step would read; a table that is not there yet makes it unknown, never 0."""
    if step.unknown or step.sql is None:
        return StepCost(step, None if step.unknown else 0, unknown=step.unknown)
    try:
        size, rows = (_dry_run if wh.dialect == "bigquery" else _explained)(wh, step)
    except WarehouseError as error:
        table = missing_table(str(error), _prefix(wh))
        if table is None and error.sqlstate is not None and error.sqlstate.startswith("08"):
            raise
        reason = f"until {table} is built" if table else f"{str(error).splitlines()[0][:200]}"
        return StepCost(step, None, None, reason)
    return StepCost(step, size * step.times, rows)


def _dry_run(wh: Any, step: Step) -> tuple[int, None]:
    if step.is_own:
        return wh.estimate_googlesql(step.sql), None
    return wh.estimate(step.sql, step.params), None


def _explained(wh: Warehouse, step: Step) -> tuple[int, int]:
    found = wh.query(f"explain (verbose, format json) {step.sql}", step.params)[0]
    plan = next(iter(found.values()))
    plan = json.loads(plan) if isinstance(plan, str) else plan
    scans = sorted(_scans(plan[0]["Plan"]))
    sizes = {
        one: int(
            wh.scalar("select pg_table_size(to_regclass(quote_ident(%s) || '.' || quote_ident(%s)))", one)
        )
        for one in set(scans)
    }
    return sum(sizes[one] for one in scans), int(plan[0]["Plan"]["Plan Rows"])


def _scans(node: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Schema and name of the table behind each scan of a plan."""
    if "Relation Name" in node:
        yield node["Schema"], node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from _scans(child)


def missing_table(text: str, prefix: str = "") -> str | None:
    """The table or schema that an error says is not there, as the house names it; None for another error."""
    is_missing = re.search(r"does not exist|is not known|[Nn]ot found", text)
    found = next((hit for one in _MISSING if (hit := one.search(text))), None) if is_missing else None
    return found["table"].removeprefix(prefix) if found else None


def _prefix(wh: Any) -> str:
    place = getattr(wh, "place", None)
    return f"{place.dataset}_" if place is not None else ""


def total_of(costs: Sequence[StepCost], price_per_tib: float | None) -> tuple[int, float | None]:
    """Bytes of the known steps, and dollars of those that have a price."""
    known = [one.money(price_per_tib) for one in costs]
    money = None if price_per_tib is None else math.fsum(one for one in known if one is not None)
    return sum(one.bytes or 0 for one in costs), money


def keep_within(costs: Iterable[StepCost], budget: int, job: str) -> None:
    """Raise where the known steps read more than the budget together.

    Raises:
        BudgetError: names the step that goes beyond it.
    """
    before, unknown, over = 0, 0, None
    for one in costs:
        unknown += one.bytes is None
        if over is None and before + (one.bytes or 0) > budget:
            over = one
        before += one.bytes or 0
    if over is not None:
        more = f", and {unknown} steps are not known yet" if unknown else ""
        raise BudgetError(
            f"Job {job} was not started: step {over.step.name!r} would read {over.bytes:,} bytes and takes "
            f"the estimate beyond the budget of {budget:,} bytes ({before:,} bytes in all{more}). Allowed: "
            "up to the budget. Take fewer days or models, or raise --budget or budget_bytes."
        )


def size_in_bytes(text: str) -> int:
    """`50GB`, `1.5 TiB` or `1000000` as bytes; GB is 10**9, GiB 2**30.

    Raises:
        SettingsError: it is no size above 0.
    """
    read = _SIZE.fullmatch(text)
    unit = UNITS.get(read[2].upper()) if read else None
    size = round(float(read[1]) * unit) if read and unit else 0
    if size < 1:
        raise SettingsError(
            f"The budget is {text!r}. Allowed: a size above 0 such as 50GB, 1.5TiB or 1000000. Change it."
        )
    return size
