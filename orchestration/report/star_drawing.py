"""The star schema as an SVG drawing: facts in the middle, dimensions left and right, a line for each
foreign key.

Belongs here: places, boxes and lines. Does not belong here: reading (`star_chapter`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape

BOX_WIDTH, BOX_HEIGHT, GAP, COLUMN_GAP = 210, 58, 26, 150
WIDTH = 3 * BOX_WIDTH + 2 * COLUMN_GAP


@dataclass(frozen=True)
class Table:
    """A fact or dimension; rows is None where it has not been built."""

    name: str
    description: str
    rows: int | None
    columns: int

    @property
    def is_fact(self) -> bool:
        return self.name.startswith("fct_")


@dataclass(frozen=True)
class Edge:
    """One foreign key: the fact, its column, the dimension. A dimension met twice plays two roles."""

    fact: str
    column: str
    dimension: str


def _column(tables: list[Table], x: int, height: int) -> dict[str, tuple[int, int]]:
    used = len(tables) * BOX_HEIGHT + (len(tables) - 1) * GAP
    top = (height - used) // 2
    return {table.name: (x, top + i * (BOX_HEIGHT + GAP)) for i, table in enumerate(tables)}


def place(tables: list[Table], edges: list[Edge]) -> tuple[dict[str, tuple[int, int]], int]:
    """The upper left corner of each box and the drawing's height. Dimensions with most keys stand in the
    middle."""
    use = Counter(edge.dimension for edge in edges)
    facts = [table for table in tables if table.is_fact]
    dimensions = sorted(
        (table for table in tables if not table.is_fact), key=lambda t: (-use[t.name], t.name)
    )
    left, right = dimensions[0::2], dimensions[1::2]
    tallest = max(len(left), len(right), len(facts), 1)
    height = tallest * BOX_HEIGHT + (tallest - 1) * GAP + 2 * GAP
    middle, far = BOX_WIDTH + COLUMN_GAP, 2 * (BOX_WIDTH + COLUMN_GAP)
    return {
        **_column(left, 0, height),
        **_column(facts, middle, height),
        **_column(right, far, height),
    }, height


def _box(table: Table, x: int, y: int) -> str:
    kind = "fact" if table.is_fact else "dimension"
    rows = "not built" if table.rows is None else f"{table.rows:,} rows"
    return (
        f'<g class="{kind}"><title>{escape(table.description)}</title>'
        f'<rect x="{x + 1}" y="{y}" width="{BOX_WIDTH - 2}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text x="{x + BOX_WIDTH / 2}" y="{y + 25}" class="name">{escape(table.name)}</text>'
        f'<text x="{x + BOX_WIDTH / 2}" y="{y + 45}" class="count">{rows}, {table.columns} columns</text></g>'
    )


def _line(pair: tuple[str, str], columns: list[str], places: dict[str, tuple[int, int]], slot: float) -> str:
    (fact_x, fact_y), (x, y) = places[pair[0]], places[pair[1]]
    is_left = x < fact_x
    start, end = (x + BOX_WIDTH, fact_x) if is_left else (x, fact_x + BOX_WIDTH)
    from_y, to_y = y + BOX_HEIGHT / 2, fact_y + BOX_HEIGHT * slot
    bend = (start + end) / 2
    label = f"{pair[0]}: {', '.join(columns)} → {pair[1]}"
    width = 1.3 + 0.9 * (len(columns) - 1)
    return (
        f'<path d="M{start} {from_y:.0f}C{bend} {from_y:.0f} {bend} {to_y:.1f} {end} {to_y:.1f}" '
        f'stroke-width="{width:.1f}">'
        f"<title>{escape(label)}</title></path>"
    )


def draw(tables: list[Table], edges: list[Edge]) -> str:
    """The SVG text; every name in it is escaped."""
    places, height = place(tables, edges)
    pairs: dict[tuple[str, str], list[str]] = {}
    for edge in edges:
        pairs.setdefault((edge.fact, edge.dimension), []).append(edge.column)
    lines = []
    for fact in (table.name for table in tables if table.is_fact):
        for side in (True, False):
            here = [
                pair for pair in pairs if pair[0] == fact and (places[pair[1]][0] < places[fact][0]) == side
            ]
            here.sort(key=lambda pair: places[pair[1]][1])
            lines += [
                _line(pair, pairs[pair], places, (i + 1) / (len(here) + 1)) for i, pair in enumerate(here)
            ]
    boxes = [_box(table, *places[table.name]) for table in tables]
    facts, dims = sum(table.is_fact for table in tables), sum(not table.is_fact for table in tables)
    text = f"Star schema: {facts} facts and {dims} dimensions joined by {len(edges)} foreign keys"
    return (
        f'<svg class="star" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(text)}">'
        f'<g class="keys">{"".join(lines)}</g>{"".join(boxes)}</svg>'
    )
