"""Contests between the contenders of a model, kept: who was put up for promotion, and why.

Belongs here: its rows. Does not belong here: the decision (`ml.contest`), the table (`ml.registry_tables`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ml.contest import Contender, decide

if TYPE_CHECKING:
    from warehouse.client import Warehouse

__all__ = ["Contender", "hold_contest", "last_contest"]

COLUMNS = "contest, contender, engine, algorithm, version, metric, value, is_winner, reason, held_at"


def hold_contest(wh: Warehouse, model_name: str, contenders: Sequence[Contender]) -> list[dict[str, Any]]:
    """Decide, and keep the outcome in one transaction; its rows as `last_contest` gives them. The outcome of
    the last contest is not written again where nothing changed.
    """
    verdicts = decide(contenders)
    rows = [
        {
            "contender": verdict.contender.name,
            "engine": verdict.contender.engine,
            "algorithm": verdict.contender.algorithm,
            "version": verdict.contender.version,
            "metric": verdict.contender.metric,
            "value": verdict.contender.value,
            "is_winner": verdict.is_winner,
            "reason": verdict.reason,
        }
        for verdict in verdicts
    ]
    before = last_contest(wh, model_name)
    if [{name: row[name] for name in rows[0]} for row in before] == rows:
        return before
    names = ", ".join(rows[0])
    values = ", ".join(f"%({name})s" for name in rows[0])
    number = 1 + max((row["contest"] for row in before), default=0)
    with wh.transaction():
        for row in rows:
            wh.execute(
                f"insert into ml.contest (model_name, contest, {names}) "
                f"values (%(model_name)s, %(contest)s, {values})",
                {**row, "model_name": model_name, "contest": number},
            )
    return last_contest(wh, model_name)


def last_contest(wh: Warehouse, model_name: str) -> list[dict[str, Any]]:
    """The rows of a model's newest contest, the declared contender first; empty where there was none."""
    if not wh.table_exists("ml", "contest"):
        return []
    return wh.query(
        f"select {COLUMNS} from ml.contest as held where model_name = %(name)s and contest = "
        "(select max(contest) from ml.contest as earlier where model_name = %(name)s) "
        "order by contender <> 'declared', contender",
        {"name": model_name},
    )
