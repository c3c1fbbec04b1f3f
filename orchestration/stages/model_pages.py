"""What the page of a fitted model shows in Dagster: its numbers beside its rivals', its gates, its curves.

Belongs here: laying out what was measured. Does not belong here: measuring, or the HTML report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration.stages.standing import curve_of, metrics_of, training_of
from orchestration.svg import bars, lines, table

if TYPE_CHECKING:
    from ml.spec import ModelSpec
    from warehouse.client import Warehouse


def gate_text(spec: ModelSpec) -> str:
    """The declared gates in words."""
    words = []
    for gate in spec.gates:
        if gate.better_than:
            words.append(f"{gate.metric} better than the {gate.better_than}")
        else:
            bound = (
                f"at least {gate.at_least:g}" if gate.at_least is not None else f"at most {gate.at_most:g}"
            )
            words.append(f"{gate.metric} {bound}")
    return f"On the test window of {spec.name}: " + ", ".join(words) + "."


def gate_table(gates: list[dict[str, Any]]) -> str:
    """The verdicts as markdown."""
    rows = [
        [gate["gate"], gate["value"], "passed" if gate["is_passed"] else "FAILED", gate["reason"]]
        for gate in gates
    ]
    return table(["gate", "value", "verdict", "reason"], rows)


def fitted_metadata(
    wh: Warehouse, spec: ModelSpec, version: int, is_reused: bool, contest: list[dict[str, Any]]
) -> dict[str, Any]:
    """Metadata of `mdl_<model>`: of the version put up, and how it fared against the other contenders."""
    metrics = metrics_of(wh, spec.name, version)
    test = [
        row
        for row in metrics
        if row["split"] == "test" and row["subject"] in ("model", "constant", "baseline")
    ]
    cells = {(row["metric"], row["subject"]): row for row in test}
    rows = []
    for metric in dict.fromkeys(row["metric"] for row in test):
        own = cells.get((metric, "model"), {})
        interval = f"{own['ci_low']:.4f} to {own['ci_high']:.4f}" if own.get("ci_low") is not None else ""
        rivals = [cells.get((metric, rival), {}).get("value") for rival in ("constant", "baseline")]
        rows.append([metric, own.get("value"), interval, *rivals])
    found = {
        "version": version,
        "is_reused": is_reused,
        "algorithm": next(row["algorithm"] for row in contest if row["version"] == version),
        "contest": dg.MetadataValue.md(contest_table(contest)),
        "test_metrics": dg.MetadataValue.md(
            table(["metric", "model", "95 % interval", "constant", "baseline"], rows)
        ),
    }
    return (
        found
        | _trainings(wh, spec.name, contest)
        | {f"metric_{row['metric']}": row["value"] for row in test if row["subject"] == "model"}
        | _curves(wh, spec, version)
        | _importance(wh, spec.name, version)
    )


def contest_table(contest: list[dict[str, Any]]) -> str:
    """The contenders as markdown."""
    rows = [
        [
            row["contender"],
            row["algorithm"],
            row["engine"],
            row["version"],
            row["value"],
            "put up" if row["is_winner"] else "not put up",
            row["reason"],
        ]
        for row in contest
    ]
    metric = f"{contest[0]['metric']} out of fold" if contest else "out of fold"
    return table(["contender", "algorithm", "engine", "version", metric, "verdict", "why"], rows)


def _trainings(wh: Warehouse, model: str, contest: list[dict[str, Any]]) -> dict[str, Any]:
    """How each contender of the warehouse was fitted: planned and actual seconds and bytes, what was left
    out.
    """
    found: dict[str, Any] = {}
    for row in contest:
        record = None if row["version"] is None else training_of(wh, model, row["version"])
        if record is None:
            continue
        plan, name = record["plan"], row["contender"]
        found |= {
            f"{name}_plan": f"{plan['way']}: {plan['reason']}",
            f"{name}_how": record["how"],
            f"{name}_seconds": record["fit_seconds"],
            f"{name}_bytes_out": record["fit_bytes_out"],
            f"{name}_left_out": dg.MetadataValue.json(record["left_out"]),
        }
        if plan["estimated_seconds"] is not None:
            found[f"{name}_estimated_seconds"] = plan["estimated_seconds"]
            found[f"{name}_estimated_bytes_out"] = plan["estimated_bytes_out"]
    return found


def _curves(wh: Warehouse, spec: ModelSpec, version: int) -> dict[str, Any]:
    def points(curve: str, x: str, y: str) -> list[tuple[float, float]]:
        return [(point[x], point[y]) for point in curve_of(wh, spec.name, version, curve)]

    if not spec.is_classification:
        drawn = lines(
            "Mean outcome by predicted value (test window)",
            [("observed", points("predicted_actual", "score", "observed"))],
            "predicted",
            diagonal=True,
        )
        return {"predicted_actual": dg.MetadataValue.md(drawn)}
    unit = (0.0, 1.0, 0.0, 1.0)
    roc = lines(
        "ROC (test window)",
        [("model", points("roc", "false_positive_rate", "true_positive_rate"))],
        "false positive rate",
        diagonal=True,
        span=unit,
    )
    calibration = points("calibration", "score", "observed")
    top = max([max(point) for point in calibration] or [1.0])
    drawn = lines(
        "Calibration (test window)",
        [("observed share", calibration)],
        "predicted probability",
        diagonal=True,
        span=(0.0, top, 0.0, top),
    )
    return {"roc": dg.MetadataValue.md(roc), "calibration": dg.MetadataValue.md(drawn)}


def _importance(wh: Warehouse, model: str, version: int) -> dict[str, Any]:
    rows = wh.query(
        """select feature, importance from ml.feature_importance
           where model_name = %(model)s and version = %(version)s order by importance desc limit 12""",
        {"model": model, "version": version},
    )
    if not rows:
        return {}
    drawn = bars(
        "Importance of the first features",
        [row["feature"] for row in rows],
        [row["importance"] for row in rows],
    )
    listed = table(["feature", "share"], [[row["feature"], float(row["importance"])] for row in rows])
    return {"importance": dg.MetadataValue.md(f"{drawn}\n\n{listed}")}


def drift_metadata(wh: Warehouse, model: str) -> dict[str, Any]:
    """Metadata of `mon_<model>`: the largest shift of each window, and what alerted."""
    rows = wh.query(
        """select left(window_start::date::text, 7) as month, subject, name, psi, js, q_value, is_seasonal,
                  is_drifted, is_alert
           from ml.drift where model_name = %(model)s and model_version = (
               select version from ml.model_champion where model_name = %(model)s)
           order by window_start, psi desc nulls last""",
        {"model": model},
    )
    months = list(dict.fromkeys(row["month"] for row in rows))
    scores = {row["month"]: row for row in rows if row["subject"] == "score"}
    drawn = bars(
        "PSI of the score by month (red: drifted)",
        months,
        [float((scores.get(month) or {}).get("psi") or 0) for month in months],
        [bool((scores.get(month) or {}).get("is_drifted")) for month in months],
    )
    shifted = [row for row in rows if row["is_drifted"]]
    listed = table(
        ["month", "what", "PSI", "JS", "q", "seasonal", "alert"],
        [
            [
                row["month"],
                row["name"],
                row["psi"],
                row["js"],
                row["q_value"],
                row["is_seasonal"],
                row["is_alert"],
            ]
            for row in shifted[:40]
        ],
    )
    return {
        "score_psi": dg.MetadataValue.md(drawn),
        "drifted": dg.MetadataValue.md(listed if shifted else "Nothing drifted."),
        "drifted_count": len(shifted),
        "alert_count": sum(bool(row["is_alert"]) for row in rows),
    }
