"""When a model must be trained again, and on which days.

A fixed split would give the same model for ever, so training again rolls the split forward: the newest
whole month becomes the test window, everything before it training. Each such split is tried once: a
challenger that its gates refused is not fitted again until another month is whole. Belongs here: that rule.
Does not belong here: fitting, or Dagster's sensor (`stages.automation`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from warehouse.client import Warehouse, quote

if TYPE_CHECKING:
    from ml.spec import ModelSpec, Split


@dataclass(frozen=True)
class Retraining:
    """Why a model must be trained again, up to which last day of the test window."""

    model: str
    reason: str  # "drift" or "new month"
    until: date


def month_start(day: date) -> date:
    """First day of the month of `day`."""
    return day.replace(day=1)


def last_whole_month_end(wh: Warehouse, spec: ModelSpec) -> date | None:
    """Last day of the newest month of which every day has labelled rows."""
    label, day = spec.label, quote(spec.date_column)
    newest = wh.scalar(
        f"select max({day}) from {quote(*label.table.split('.'))} where {quote(label.known_at)} is not null"
    )
    if newest is None:
        return None
    following = newest + timedelta(days=1)
    return newest if following.day == 1 else month_start(newest) - timedelta(days=1)


def rolled_split(spec: ModelSpec, until: date) -> Split:
    """The split that tests on the month of `until` and trains on all before it."""
    test_start = month_start(until)
    return spec.split.model_copy(
        update={"train_end": test_start - timedelta(days=1), "test_start": test_start, "test_end": until}
    )


def due(wh: Warehouse, spec: ModelSpec) -> Retraining | None:
    """The retraining `spec` needs now, or None. A model never trained is not retrained: train it first."""
    until = last_whole_month_end(wh, spec)
    newest = wh.query(
        "select train_end, test_end from ml.model_version where model_name = %(model)s order by version desc",
        {"model": spec.name},
    )
    if until is None or not newest or month_start(until) <= spec.split.train_start:
        return None
    split = rolled_split(spec, until)
    if any((row["train_end"], row["test_end"]) == (split.train_end, split.test_end) for row in newest):
        return None
    if until > max(row["test_end"] for row in newest):
        return Retraining(spec.name, "new month", until)
    return Retraining(spec.name, "drift", until) if has_drifted(wh, spec) else None


def has_drifted(wh: Warehouse, spec: ModelSpec) -> bool:
    """Whether the newest monitoring of the champion raised an alert.

    `ml.drift` decides what an alert is: large and significant, in several windows, and not come with the
    calendar.
    """
    return bool(
        wh.scalar(
            """with current as (
                   select window_start, is_alert from ml.drift
                   where model_name = %(model)s and model_version = (
                       select version from ml.model_champion where model_name = %(model)s))
               select coalesce(bool_or(is_alert), false) from current
               where window_start = (select max(window_start) from current)""",
            {"model": spec.name},
        )
    )
