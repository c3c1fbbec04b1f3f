"""Drift of every feature and of the score against the training window, computed in SQL into `ml.mon_<model>`.

Belongs here: `monitor` and its answer. Does not belong here: its steps (`ml.drift_steps`), the windows
(`ml.drift_windows`), and what to do about an alert (`orchestration`). Only the answer's few rows leave the
warehouse.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.drift_steps import count_features, count_scores, declare, freeze_bins, replace_windows
from ml.drift_windows import DriftError, Window, choose_windows, months_after
from ml.predictor import NoChampionError
from ml.registry_schema import ensure_model
from ml.registry_version import champion

if TYPE_CHECKING:
    from ml.spec import ModelSpec
    from warehouse.client import Warehouse

__all__ = ["DriftError", "DriftResult", "Window", "monitor", "months_after"]

_LATEST = """
select name, is_drifted, is_alert from ml.drift
where model_name = %(model_name)s and model_version = %(version)s and window_start = (
    select max(window_start) from ml.drift
    where model_name = %(model_name)s and model_version = %(version)s and window_start = any(%(starts)s))
order by name
"""


@dataclass(frozen=True)
class DriftResult:
    """What one run found. Windows are local dates, inclusive, in order.

    `drifted_features` and `alerts` are of the latest window that had rows; names are of features, and
    "score". `is_drifted`: there is an alert, that is, drift that persists, is no season, and touches what the
    model looks at.
    """

    model_name: str
    version: int
    windows: tuple[Window, ...]
    rows: int
    drifted_features: tuple[str, ...]
    alerts: tuple[str, ...]
    is_drifted: bool
    is_score_monitored: bool
    seconds: float


def monitor(
    wh: Warehouse,
    spec: ModelSpec | str,
    windows: Sequence[Window] | None = None,
    progress: Callable[[str], None] | None = None,
) -> DriftResult:
    """Compare each window with the champion's training window, feature by feature and the score, all in SQL.

    `windows` are (first, last) local dates, inclusive, apart from each other; None for the calendar months
    after training. A window computed before is replaced. All flights count, labelled or not. The score is
    left out until the champion has scored the training window and a later one. One transaction.

    Raises:
        NoChampionError: no version is in charge.
        DriftError: windows are turned round or overlap, or there are no feature rows to compare.
    """
    began = time.perf_counter()
    name = spec if isinstance(spec, str) else spec.name
    version = champion(wh, name)
    if version is None:
        raise NoChampionError(
            f"model {name!r} has no champion. Train it and promote a version that passed its gates."
        )
    declared = version.declaration()
    ensure_model(wh, name)
    key = {"model_name": name, "version": version.version}
    with wh.transaction():
        wh.lock_until_commit(f"ml.drift.{name}")
        chosen = choose_windows(wh, version, declared, windows)
        declare(wh, version, declared, chosen)
        count_features(wh, declared)
        is_score_monitored = count_scores(wh, version, declared)
        freeze_bins(wh, key, declared.drift.bins)
        rows = replace_windows(wh, key, declared, chosen)
        if not rows:
            spans = ", ".join(f"{start} to {end}" for start, end in chosen)
            raise DriftError(
                f"model {name}: no feature rows to compare: none from {version.train_start} to "
                f"{version.train_end}, or none in {spans}. Build the features of those days first."
            )
        latest = wh.query(_LATEST, {**key, "starts": [start for start, _ in chosen]})
    drifted = tuple(row["name"] for row in latest if row["is_drifted"])
    alerts = tuple(row["name"] for row in latest if row["is_alert"])
    seconds = time.perf_counter() - began
    if progress is not None:
        progress(f"{name}: {rows} comparisons, {len(drifted)} drifted in the latest window ({seconds:.1f} s)")
    return DriftResult(
        name, version.version, tuple(chosen), rows, drifted, alerts, bool(alerts), is_score_monitored, seconds
    )
