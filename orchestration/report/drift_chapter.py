"""Chapter "Drift": how far each feature and the score have moved away from the training window, month by
month."""

from __future__ import annotations

from typing import Any

from orchestration.report.figures import BLUE, GREY, Figure, figure, heat_map, line
from orchestration.report.reading import Reading, Row

DRIFT = """
select
    d.model_name, d.model_version, d.subject, d.name, d.window_start, d.window_end, d.current_rows,
    d.psi, d.js, d.q_value,
    d.is_drifted, d.is_alert, d.null_share_reference, d.null_share_current
from ml.drift as d
join (select model_name, max(model_version) as model_version from ml.drift group by model_name) as latest
    using (model_name, model_version)
order by d.model_name, d.subject, d.name, d.window_start"""
MAP_TOP = 0.5
"""PSI from which a cell is darkest: twice the 0.25 that is commonly called a large shift."""


def chapter(reading: Reading, specs: dict[str, Any]) -> list[dict[str, Any]]:
    """One entry a declared model, of the latest version that was watched; `rows` is empty where none was."""
    rows = reading.rows(DRIFT, needs=("ml.drift",))
    return [_entry(spec, [row for row in rows if row["model_name"] == name]) for name, spec in specs.items()]


def _entry(spec: Any, rows: list[Row]) -> dict[str, Any]:
    features = [row for row in rows if row["subject"] == "feature"]
    score = [row for row in rows if row["subject"] == "score"]
    last = max((row["window_start"] for row in rows), default=None)
    return {
        "spec": spec,
        "version": rows[0]["model_version"] if rows else None,
        "rows": rows,
        "last": last,
        "drifted": [row for row in features if row["is_drifted"] and row["window_start"] == last],
        "map": _map(features) if features else None,
        "score": _score(spec, score) if score else None,
    }


def _map(rows: list[Row]) -> Figure:
    months = sorted({row["window_start"] for row in rows})
    by_cell = {(row["name"], row["window_start"]): row for row in rows}
    worst = {row["name"]: 0.0 for row in rows}
    for row in rows:
        worst[row["name"]] = max(worst[row["name"]], row["psi"] or 0.0)
    names = sorted(worst, key=lambda name: (-worst[name], name))
    cells = [[by_cell.get((name, month)) for month in months] for name in names]
    z = [[cell["psi"] if cell else None for cell in line_] for line_ in cells]
    text = [[_label(cell) for cell in line_] for line_ in cells]
    trace = heat_map([f"{month:%b %Y}" for month in months], names, z, text, MAP_TOP)
    title = (
        "PSI of each feature against the training window, by month; ● marks drift by the model's thresholds"
    )
    return figure(
        title,
        [trace],
        height=60 + 26 * len(names),
        margin={"l": 56, "r": 8, "t": 34, "b": 8},
        xaxis={"side": "top"},
        yaxis={"tickfont": {"size": 11}},
    )


def _label(cell: Row | None) -> str:
    if cell is None or cell["psi"] is None:
        return ""
    return f"{cell['psi']:.2f}{' ●' if cell['is_drifted'] else ''}"


def _score(spec: Any, rows: list[Row]) -> Figure:
    months = [f"{row['window_start']:%b %Y}" for row in rows]
    limit = [spec.drift.psi] * len(rows)
    traces = [
        line(months, [row["psi"] for row in rows], "PSI of the score", BLUE, mode="lines+markers"),
        line(months, limit, f"threshold {spec.drift.psi:g}", GREY, line={"dash": "dot"}),
    ]
    return figure(
        "Drift of the score against the training window, by month",
        traces,
        height=260,
        yaxis={"rangemode": "tozero"},
    )
