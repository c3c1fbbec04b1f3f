"""The windows in which drift is looked for: by default the calendar months after training.

Belongs here: choosing and checking windows. Does not belong here: what is computed in them
(`ml.drift_steps`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ml.feature_tables import entity_tables
from warehouse.client import quote

if TYPE_CHECKING:
    from ml.registry_version import ModelVersion
    from ml.spec import ModelSpec
    from warehouse.client import Warehouse

Window = tuple[dt.date, dt.date]


class DriftError(RuntimeError):
    """Drift was not computed, and what stood before still stands."""


def months_after(last_day: dt.date, until: dt.date) -> list[Window]:
    """Calendar months from the day after `last_day` (where the first begins) to the month of `until`."""
    windows, start = [], last_day + dt.timedelta(days=1)
    while start <= until:
        following = (start.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        windows.append((start, following - dt.timedelta(days=1)))
        start = following
    return windows


def _latest_date(wh: Warehouse, spec: ModelSpec) -> dt.date | None:
    date = quote(spec.date_column)
    ends = [wh.scalar(f"select max({date}) from {quote(*table.split('.'))}") for table in entity_tables(spec)]
    return None if None in ends else min(ends)


def choose_windows(
    wh: Warehouse, version: ModelVersion, spec: ModelSpec, windows: Sequence[Window] | None
) -> list[Window]:
    """The windows in order.

    Raises:
        DriftError: a window is turned round, two overlap, or none was given and no day follows training.
    """
    if windows is None:
        until = _latest_date(wh, spec)
        windows = months_after(version.train_end, until) if until else []
    if not windows:
        raise DriftError(
            f"model {spec.name}: no feature rows after {version.train_end}, the end of its training window. "
            "Load and build later days first, or name the windows."
        )
    ordered = sorted(windows)
    for start, end in ordered:
        if end < start:
            allowed = "allowed: an end from the start on. Turn the two round."
            raise DriftError(f"window from {start} to {end}; {allowed}")
    for (_, end), (start, _) in zip(ordered, ordered[1:], strict=False):
        if start <= end:
            raise DriftError(
                f"windows overlap: one ends on {end}, the next begins on {start}. Give them apart."
            )
    return ordered
