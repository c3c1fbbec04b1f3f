"""Chapter "Models": one card a declared model, of its champion or else its latest version.

Belongs here: what stands on a card. Does not belong here: its plots (`model_figures`), measuring and
judging (`ml`).
"""

from __future__ import annotations

from typing import Any

from orchestration.report.model_figures import importance_figure, quality_figures
from orchestration.report.reading import Reading, Row

METRIC_NAMES = {
    "accuracy": "Accuracy", "precision": "Precision", "recall": "Recall", "f1": "F1", "auc": "AUC (ROC)",
    "average_precision": "Average precision", "log_loss": "Log loss", "brier": "Brier score",
    "ece": "Expected calibration error", "rmse": "RMSE", "mae": "MAE", "r2": "R²",
}  # fmt: skip

VERSIONS = """
select
    v.model_name, v.version, v.algorithm, v.params, v.threshold, v.train_start, v.train_end,
    v.test_start, v.test_end, v.training_rows, v.test_rows, v.training_set_sha256, v.code_version,
    v.artifact_sha256, v.trained_at, v.seconds, v.bytes_out, v.peak_memory_mb, a.size_bytes,
    c.version is not null as is_champion, c.promoted_at, g.passed, g.judged
from ml.model_version as v
join ml.artifact as a on a.sha256 = v.artifact_sha256
left join ml.model_champion as c on c.model_name = v.model_name and c.version = v.version
left join (
    select model_name, version, count(*) filter (where is_passed) as passed, count(*) as judged
    from ml.gate_result group by model_name, version
) as g on g.model_name = v.model_name and g.version = v.version
order by v.model_name, v.version desc"""

CONTEST = """
select c.contender, c.engine, c.algorithm, c.version, c.metric, c.value, c.is_winner, c.reason,
    v.seconds, v.bytes_out, v.training
from ml.contest as c
left join ml.model_version as v on v.model_name = c.model_name and v.version = c.version
where c.model_name = %(name)s
    and c.contest = (select max(contest) from ml.contest where model_name = %(name)s)
order by c.contender <> 'declared'"""

EVENTS = """
select model_name, action, from_version, to_version, actor, reason, occurred_at
from ml.promotion_event order by event_id desc"""


def cards(reading: Reading, specs: dict[str, Any]) -> list[dict[str, Any]]:
    """One card a declared model, in the order of the names."""
    needs = (
        "ml.model_version", "ml.model_champion", "ml.gate_result", "ml.promotion_event", "ml.parity_check",
    )  # fmt: skip
    versions, events = reading.rows(VERSIONS, needs=needs), reading.rows(EVENTS, needs=needs)
    return [
        _card(
            reading,
            spec,
            [row for row in versions if row["model_name"] == name],
            [row for row in events if row["model_name"] == name],
        )
        for name, spec in specs.items()
    ]


def _card(reading: Reading, spec: Any, versions: list[Row], events: list[Row]) -> dict[str, Any]:
    card: dict[str, Any] = {
        "spec": spec,
        "versions": versions,
        "events": events,
        "shown": None,
        "limits": limits(spec),
    }
    if not versions:
        return card
    shown = next((row for row in versions if row["is_champion"]), versions[0])
    key = {"name": spec.name, "version": shown["version"]}
    of_version = "where model_name = %(name)s and version = %(version)s"
    curves: dict[str, list[Row]] = {}
    for row in reading.rows(
        f"select curve, coordinates from ml.model_curve {of_version} order by curve, point", key
    ):
        curves.setdefault(row["curve"], []).append(row["coordinates"])
    importances = reading.rows(
        f"select feature, importance from ml.feature_importance {of_version} order by 2 desc, 1",
        key,
    )
    gates = reading.rows(f"select * from ml.gate_result {of_version} order by gate_number", key)
    metrics = reading.rows(f"select * from ml.model_metric {of_version} and split = 'test'", key)
    parity = reading.rows(f"select * from ml.parity_check {of_version} order by surface", key)
    contest = reading.rows(CONTEST, key, needs=("ml.contest",))
    return {
        **card,
        "shown": shown,
        "gates": gates,
        "parity": parity,
        "contest": contest if len(contest) > 1 else [],
        "metrics": metric_table(spec, metrics),
        "figures": quality_figures(spec, curves),
        "importance": importance_figure(importances),
        "importances": importances,
    }


def metric_table(spec: Any, rows: list[Row]) -> list[Row]:
    """One row a declared metric: model, constant, baseline, and the paired improvement over the baseline."""
    found = {(row["subject"], row["metric"]): row for row in rows}
    return [
        {
            "name": METRIC_NAMES.get(metric, metric),
            **{subject: found.get((subject, metric)) for subject in ("model", "constant", "baseline")},
            "gain": found.get(("model_vs_baseline", metric)),
        }
        for metric in spec.metrics
    ]


def limits(spec: Any) -> list[str]:
    """What the model is for and is not for, as far as its declaration says it."""
    found = [
        f"Made for: {spec.prediction_point.rstrip('.')}. "
        "A row of features from another moment gives a meaningless answer.",
        f"Fitted to {spec.split.train_start} – {spec.split.train_end} and judged on "
        f"{spec.split.test_start} – {spec.split.test_end}, of one region and one year: other airports "
        "and years are untested, and a full yearly cycle was never seen in training.",
    ]
    if spec.label.where:
        found.append(
            f"Judged only where {spec.label.where} is true; for the others there is no outcome to check."
        )
    if spec.is_classification:
        found.append(
            "A score is a probability; the yes or no beside it depends on a threshold chosen in training."
        )
    else:
        found.append("A score is an expected value, not a range; single cases scatter widely around it.")
    found.append("Importance is the share of what the fitted object uses, not of causes.")
    return found
