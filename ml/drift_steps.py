"""The steps of one drift run, in the order in which they are called, all within the caller's transaction.

Belongs here: filling the temporary tables, freezing bins, replacing the windows' rows. Does not belong here:
statement texts (`ml.drift_sql`, `ml.drift_statistics`) and the choice of version and windows (`ml.drift`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ml import drift_sql
from ml.drift_statistics import ALERTS, STATISTICS
from ml.feature_query import feature_sql
from warehouse.client import quote

if TYPE_CHECKING:
    from ml.drift_windows import Window
    from ml.registry_version import ModelVersion
    from ml.spec import ModelSpec
    from warehouse.client import Warehouse

_SUBJECT = """
insert into drift_subject
select %(position)s, %(subject)s, %(name)s, %(kind)s, %(is_seasonal)s, (
    select importance from ml.feature_importance
    where %(subject)s = 'feature' and model_name = %(model)s and version = %(version)s and feature = %(name)s)
"""


def declare(wh: Warehouse, version: ModelVersion, spec: ModelSpec, windows: Sequence[Window]) -> None:
    """Create the temporary tables and say what is compared with what."""
    wh.execute(drift_sql.TEMPORARY_TABLES)
    reference = (None, version.train_start, version.train_end)
    for window_start, first, last in [reference, *((start, start, end) for start, end in windows)]:
        wh.execute(
            "insert into drift_window values (%(window_start)s, %(first)s, %(last)s)",
            {"window_start": window_start, "first": first, "last": last},
        )
    subjects = [("feature", f.name, f.kind, f.is_seasonal) for f in spec.features]
    subjects.append(("score", "score", "number", False))
    for position, (subject, name, kind, is_seasonal) in enumerate(subjects):
        row = {
            "position": position,
            "subject": subject,
            "name": name,
            "kind": kind,
            "is_seasonal": is_seasonal,
        }
        wh.execute(_SUBJECT, {**row, "model": version.model_name, "version": version.version})


def count_features(wh: Warehouse, spec: ModelSpec) -> None:
    """Fill drift_value with the distinct values of every feature. The feature tables are read once."""
    names = ", ".join(f"f.{quote(name)}" for name in spec.feature_names)
    wh.execute(
        f"create temp table drift_row on commit drop as select w.window_start, {names} "
        f"from ({feature_sql(spec)}) f "
        f"join drift_window w on f.{quote(spec.date_column)} between w.first_date and w.last_date"
    )
    for position, feature in enumerate(spec.features):
        count = drift_sql.COUNT_NUMBERS if feature.kind == "number" else drift_sql.COUNT_CATEGORIES
        wh.execute(count.format(column=quote(feature.name), rows="drift_row"), {"position": position})


def count_scores(wh: Warehouse, version: ModelVersion, spec: ModelSpec) -> bool:
    """Add the scores. False, and no score is compared, where this version scored only one side or none."""
    # Scores of another version are another column: they would compare two models, not two periods.
    scored = (
        f"(select w.window_start, f.score from {quote('ml', f'prd_{spec.name}')} f "
        "join drift_window w on f.flight_date between w.first_date and w.last_date "
        "where f.model_version = %(version)s) s"
    )
    row = {"position": len(spec.features), "version": version.version}
    wh.execute(drift_sql.COUNT_NUMBERS.format(column="score", rows=scored), row)
    sides = "select count(distinct window_start is null) from drift_value where position = %(position)s"
    is_comparable = wh.scalar(sides, row) == 2
    if not is_comparable:
        for table in ("drift_value", "drift_subject"):
            wh.execute(f"delete from {table} where position = %(position)s", row)
    wh.execute("analyze drift_value")
    return is_comparable


def _assign(wh: Warehouse, bins: str) -> None:
    wh.execute(f"create temp table drift_assigned on commit drop as {drift_sql.ASSIGN.format(bins=bins)}")


def freeze_bins(wh: Warehouse, key: dict[str, Any], bins: int) -> None:
    """Store the reference bins of what has none yet; from then on they stay, whatever happens to the rows."""
    statements = (
        ("create temp table drift_new_bin on commit drop as", drift_sql.NUMBER_BINS),
        ("insert into drift_new_bin", drift_sql.CATEGORY_BINS),
    )
    for target, sql in statements:
        text = sql.format(only=drift_sql.NOT_YET_FROZEN)
        wh.execute(f"{target} {text}", {**key, "bins": bins})
    _assign(wh, "drift_new_bin")
    wh.execute(drift_sql.FREEZE, key)
    wh.execute("drop table drift_assigned, drift_new_bin")


def replace_windows(wh: Warehouse, key: dict[str, Any], spec: ModelSpec, windows: Sequence[Window]) -> int:
    """Put the windows' rows in place of earlier ones; returns how many rows of ml.drift were written."""
    rules, starts = spec.drift, [start for start, _ in windows]
    for table in ("drift", "drift_bin_count"):
        wh.execute(
            f"delete from ml.{table} where model_name = %(model_name)s and model_version = %(version)s "
            "and window_start = any(%(starts)s)",
            {**key, "starts": starts},
        )
    wh.execute(drift_sql.FROZEN_BINS, key)
    _assign(wh, "drift_frozen_bin")
    wh.execute(drift_sql.COUNT_CURRENT, key)
    thresholds = {name: getattr(rules, name) for name in ("q_value", "psi", "js", "min_rows")}
    rows = wh.execute(STATISTICS, {**key, **thresholds})
    persistence = {"persistent_windows": rules.persistent_windows, "min_importance": rules.min_importance}
    wh.execute(ALERTS.format(before=int(rules.of_windows) - 1), {**key, **persistence})
    return rows
