"""The plots of a model card, from the curves that were stored when the version was evaluated."""

from __future__ import annotations

from typing import Any

from orchestration.report.figures import BLUE, GREY, ORANGE, Figure, bars, diagonal, figure, flat_bars, line

MOST_IMPORTANT = 15


def quality_figures(spec: Any, curves: dict[str, list[dict[str, float]]]) -> list[Figure]:
    """One figure for each curve that was stored; none is invented."""
    found = []
    if "roc" in curves:
        found.append(_roc(curves["roc"]))
    if "precision_recall" in curves:
        found.append(_precision_recall(curves["precision_recall"]))
    if "calibration" in curves:
        found.append(
            _calibration(curves["calibration"], "Calibration: observed share against mean score", ".0%")
        )
    if "predicted_actual" in curves:
        found.append(
            _calibration(curves["predicted_actual"], f"Observed against expected {spec.label.column}", "")
        )
    if "residuals" in curves:
        found.append(_residuals(curves["residuals"]))
    return found


def _roc(points: list[dict[str, float]]) -> Figure:
    x, y = ([point[name] for point in points] for name in ("false_positive_rate", "true_positive_rate"))
    traces = [line(x, y, "model", BLUE), diagonal(0, 1, "no skill")]
    axes = {"xaxis": _share("false positive rate"), "yaxis": _share("true positive rate")}
    return figure("ROC curve, test window", traces, **axes)


def _precision_recall(points: list[dict[str, float]]) -> Figure:
    x, y = ([point[name] for point in points] for name in ("recall", "precision"))
    axes = {"xaxis": _share("recall"), "yaxis": _share("precision")}
    return figure(
        "Precision against recall, test window", [line(x, y, "model", BLUE)], showlegend=False, **axes
    )


def _share(title: str) -> dict[str, Any]:
    return {"title": {"text": title}, "range": [0, 1.01], "tickformat": ".0%"}


def _calibration(points: list[dict[str, float]], title: str, form: str) -> Figure:
    x, y = ([point[name] for point in points] for name in ("score", "observed"))
    spread = {
        "type": "data",
        "symmetric": False,
        "array": [_gap(point["ci_high"], point["observed"]) for point in points],
        "arrayminus": [_gap(point["observed"], point["ci_low"]) for point in points],
        "color": GREY,
        "thickness": 1,
    }
    low, high = min(x + y, default=0.0), max(x + y, default=1.0)
    dots = line(x, y, "20 bins of equal count, 95 % interval", BLUE, mode="lines+markers", error_y=spread)
    axis = {"tickformat": form}
    return figure(
        f"{title}, test window",
        [dots, diagonal(low, high, "perfect")],
        xaxis={**axis, "title": {"text": "mean score"}},
        yaxis={**axis, "title": {"text": "observed"}},
    )


def _gap(high: float | None, low: float | None) -> float:
    return 0.0 if high is None or low is None else max(high - low, 0.0)


def _residuals(points: list[dict[str, float]]) -> Figure:
    inside = points[1:-1]  # the first and last are the open ends
    x = [(point["low"] + point["high"]) / 2 for point in inside]
    width = inside[0]["high"] - inside[0]["low"] if inside else 1.0
    trace = bars(x, [point["share"] for point in inside], "share", ORANGE, width=width)
    outside = points[0]["share"] + points[-1]["share"] if points else 0.0
    return figure(
        f"Residuals (observed minus expected), test window; {outside:.1%} lie outside the plot",
        [trace],
        xaxis={"title": {"text": "observed minus expected"}},
        yaxis={"tickformat": ".0%"},
    )


def importance_figure(rows: list[dict[str, Any]]) -> Figure | None:
    """The most important features."""
    top = [row for row in rows if row["importance"] > 0][:MOST_IMPORTANT]
    if not top:
        return None
    trace = flat_bars([row["feature"] for row in top], [row["importance"] for row in top], BLUE)
    title = f"The {len(top)} most important features, as shares of the whole"
    return figure(
        title,
        [trace],
        height=70 + 22 * len(top),
        xaxis={"tickformat": ".0%"},
        yaxis={"tickfont": {"size": 11}},
    )
