"""Plots as plain Plotly figures: dictionaries that the page's one copy of plotly.js draws.

Belongs here: the common look, and one function a kind of plot. Does not belong here: what is plotted (the
chapters).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

BLUE, ORANGE, GREEN, GREY, RED, INK = "#2563a8", "#c2570c", "#2f7d4f", "#8a94a3", "#b3261e", "#1d2733"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
Figure = dict[str, Any]


def figure(title: str, traces: list[dict[str, Any]], height: int = 320, **layout: Any) -> Figure:
    """A figure in the page's look. `title` is its caption in words and its text for screen readers."""
    axis = {"gridcolor": "#e6eaef", "zerolinecolor": "#c9d1da", "automargin": True, "fixedrange": True}
    base = {
        "height": height,
        "margin": {"l": 56, "r": 16, "t": 12, "b": 48},
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "closest",
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": axis,
        "yaxis": axis,
    }
    for name in ("xaxis", "yaxis", "yaxis2"):
        if name in layout:
            base[name] = {**axis, **layout.pop(name)}
    return {"title": title, "data": traces, "layout": {**base, **layout}}


def line(x: Sequence[Any], y: Sequence[Any], name: str, colour: str, **more: Any) -> dict[str, Any]:
    """A line through points."""
    shape = {"color": colour, "width": 2, **more.pop("line", {})}
    return {
        "type": "scatter",
        "mode": more.pop("mode", "lines"),
        "x": list(x),
        "y": list(y),
        "name": name,
        "line": shape,
        **more,
    }


def diagonal(low: float, high: float, name: str) -> dict[str, Any]:
    """The line on which x equals y."""
    return line((low, high), (low, high), name, GREY, line={"dash": "dot", "width": 1.5}, hoverinfo="skip")


def bars(x: Sequence[Any], y: Sequence[Any], name: str, colour: str, **more: Any) -> dict[str, Any]:
    """Upright bars."""
    return {"type": "bar", "x": list(x), "y": list(y), "name": name, "marker": {"color": colour}, **more}


def flat_bars(names: Sequence[str], values: Sequence[float], colour: str) -> dict[str, Any]:
    """Bars from left to right, the first on top."""
    return {
        "type": "bar",
        "orientation": "h",
        "x": list(values)[::-1],
        "y": list(names)[::-1],
        "marker": {"color": colour},
        "hovertemplate": "%{y}: %{x:.3f}<extra></extra>",
    }


def heat_map(
    x: Sequence[str], y: Sequence[str], z: list[list[float | None]], text: list[list[str]], top: float
) -> dict[str, Any]:
    """A grid of numbers, white at 0 and darkest at `top` and above; the first row of `z` on top."""
    return {
        "type": "heatmap",
        "x": list(x),
        "y": list(y)[::-1],
        "z": z[::-1],
        "text": text[::-1],
        "texttemplate": "%{text}",
        "hovertemplate": "%{y}, %{x}: %{z:.4f}<extra></extra>",
        "zmin": 0,
        "zmax": top,
        "xgap": 2,
        "ygap": 2,
        "colorscale": [[0, "#f7f9fb"], [0.33, "#fbe3b5"], [0.66, "#ee9a4d"], [1, "#b3401e"]],
        "colorbar": {"thickness": 10, "outlinewidth": 0, "title": {"text": "PSI", "side": "right"}},
    }
