"""Small pictures for the pages of assets: bars and lines as SVG inside a markdown image.

They are drawn by hand because a plotting library would be loaded into every run for a few hundred numbers.
Belongs here: shapes. Does not belong here: what is drawn (the stages know) or the HTML report
(`orchestration.report`).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 240, 60, 40, 30
INK, BLUE, RED, GREY = "#1f2937", "#2563eb", "#dc2626", "#9ca3af"
Points = Sequence[tuple[float, float]]


def image(svg: str, text: str) -> str:
    """Markdown of an inline image; `text` is its alternative text."""
    return f"![{text}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def _frame(title: str, body: str, low: str, high: str) -> str:
    bottom = HEIGHT - BOTTOM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="11" fill="{INK}">'
        f'<rect width="100%" height="100%" fill="white"/>'
        f'<text x="{LEFT}" y="18" font-size="13" font-weight="bold">{escape(title)}</text>'
        f'<text x="{LEFT - 6}" y="{bottom}" text-anchor="end">{escape(low)}</text>'
        f'<text x="{LEFT - 6}" y="{TOP + 10}" text-anchor="end">{escape(high)}</text>'
        f'<path d="M{LEFT} {TOP}V{bottom}H{WIDTH - 10}" stroke="{GREY}" fill="none"/>{body}</svg>'
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def bars(title: str, labels: Sequence[str], values: Sequence[float], marked: Sequence[bool] = ()) -> str:
    """Upright bars from zero, one a label; those of `marked` are red."""
    top = max([value for value in values if value is not None] or [1.0]) or 1.0
    step = (WIDTH - LEFT - 10) / max(len(values), 1)
    drawn = []
    for i, value in enumerate(values):
        tall = (HEIGHT - BOTTOM - TOP) * max(float(value or 0), 0) / top
        x, y = LEFT + i * step, HEIGHT - BOTTOM - tall
        colour = RED if i < len(marked) and marked[i] else BLUE
        drawn.append(
            f'<rect x="{x + step * 0.1:.1f}" y="{y:.1f}" width="{step * 0.8:.1f}" '
            f'height="{tall:.1f}" fill="{colour}"/>'
        )
        if len(values) <= 16 or i % (len(values) // 12 + 1) == 0:
            drawn.append(
                f'<text x="{x + step / 2:.1f}" y="{HEIGHT - 22}" text-anchor="middle">'
                f"{escape(labels[i][:12])}</text>"
            )
    return image(_frame(title, "".join(drawn), "0", _number(top)), title)


def lines(
    title: str,
    series: Sequence[tuple[str, Points]],
    x_name: str,
    diagonal: bool = False,
    span: tuple[float, float, float, float] | None = None,
) -> str:
    """Lines through points; `span` is x from, x to, y from, y to, by default what the points need."""
    points = [point for _, each in series for point in each] or [(0.0, 0.0), (1.0, 1.0)]
    x0, x1, y0, y1 = span or (
        min(x for x, _ in points),
        max(x for x, _ in points),
        min(y for _, y in points),
        max(y for _, y in points),
    )
    wide, tall = WIDTH - LEFT - 20, HEIGHT - BOTTOM - TOP

    def place(x: float, y: float) -> str:
        return (
            f"{LEFT + wide * (x - x0) / ((x1 - x0) or 1):.1f} "
            f"{HEIGHT - BOTTOM - tall * (y - y0) / ((y1 - y0) or 1):.1f}"
        )

    drawn = [f'<text x="{WIDTH // 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_name)}</text>']
    for x, value in ((LEFT, x0), (LEFT + wide, x1)):
        drawn.append(f'<text x="{x}" y="{HEIGHT - 24}" text-anchor="middle">{_number(value)}</text>')
    if diagonal:
        drawn.append(
            f'<path d="M{place(x0, y0)}L{place(x1, y1)}" stroke="{GREY}" stroke-dasharray="4" fill="none"/>'
        )
    for i, (name, each) in enumerate(series):
        colour = (BLUE, RED, GREY)[i % 3]
        if each:
            path = "L".join(place(float(x), float(y)) for x, y in each)
            drawn.append(f'<path d="M{path}" stroke="{colour}" stroke-width="2" fill="none"/>')
        drawn.append(f'<text x="{LEFT + 10 + 150 * i}" y="{TOP + 10}" fill="{colour}">{escape(name)}</text>')
    return image(_frame(title, "".join(drawn), _number(y0), _number(y1)), title)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A markdown table; floats get four digits."""

    def cell(value: object) -> str:
        return (
            ""
            if value is None
            else f"{value:.4g}"
            if isinstance(value, float)
            else str(value).replace("|", "\\|")
        )

    body = ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(headers) + " |", "|" + "---|" * len(headers), *body])
