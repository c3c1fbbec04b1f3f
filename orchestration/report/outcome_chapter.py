"""Chapter "Predictions and outcomes": what was said, and what came, month by month, in SQL."""

from __future__ import annotations

from typing import Any

from orchestration.report.figures import BLUE, ORANGE, Figure, figure, line
from orchestration.report.reading import Reading, Row
from warehouse.client import quote

# The error of one prediction: for a probability the squared error (Brier), for a value the absolute one.
ERRORS = {"classification": "power(p.score - l.label, 2)", "regression": "abs(p.score - l.label)"}
ERROR_NAMES = {"classification": "Brier score", "regression": "mean absolute error"}


def chapter(reading: Reading, specs: dict[str, Any]) -> list[dict[str, Any]]:
    """One entry a declared model; `rows` is empty where nothing was scored yet."""
    return [_entry(reading, spec) for spec in specs.values()]


def _sql(spec: Any) -> str:
    label, key = spec.label, quote(spec.key_column)
    # A boolean becomes 0 or 1, so that its mean is a share; everything else stays a number.
    cast = "::int" if spec.is_classification else ""
    where = f"and {quote(label.where)}" if label.where else ""
    return f"""
select
    date_trunc('month', p.flight_date)::date as month,
    count(*) as predictions,
    count(l.label) as outcomes,
    avg(p.score) filter (where l.label is not null) as predicted,
    avg(l.label) as observed,
    avg({ERRORS[spec.task]}) as error,
    bool_or(p.flight_date between %(start)s and %(end)s) as is_training
from ml.prediction as p
left join (
    select {key} as key, {quote(label.column)}{cast}::double precision as label
    from {quote(*label.table.split("."))}
    where {quote(label.column)} is not null {where}
) as l on l.key = p.flight_key
where p.model_name = %(name)s
group by 1
order by 1"""


def _entry(reading: Reading, spec: Any) -> dict[str, Any]:
    window = {"name": spec.name, "start": spec.split.train_start, "end": spec.split.train_end}
    rows = reading.rows(_sql(spec), window, needs=("ml.prediction", spec.label.table))
    known = [row for row in rows if row["outcomes"]]
    return {
        "spec": spec,
        "rows": rows,
        "error_name": ERROR_NAMES[spec.task],
        "figure": _figure(spec, known) if known else None,
    }


def _figure(spec: Any, rows: list[Row]) -> Figure:
    months = [f"{row['month']:%b %Y}" for row in rows]
    traces = [
        line(months, [row["predicted"] for row in rows], "mean prediction", BLUE, mode="lines+markers"),
        line(months, [row["observed"] for row in rows], "observed", ORANGE, mode="lines+markers"),
    ]
    axis = {"tickformat": ".0%", "rangemode": "tozero"} if spec.is_classification else {}
    return figure(f"{spec.label.column}: mean prediction and outcome, by month", traces, yaxis=axis)
