"""The table that a generalised linear model is fitted on: rows, or one row for all of equal covariates.

A short-lived unlogged table of doubles, so that each step of the fit scans little, and all steps see the same
rows. Numbers become z = (x - centre) · 2^-shift within ±1. Rows of equal covariates (a covariate pattern) are
added up: the likelihood needs no more than their number and the sums of their targets, so nothing is lost.

Columns: n (rows, or their weight), s1, … (the target's sum, or the weight of each class but the first),
h1, … (what the deviance needs of single targets), z0, … , c0, … (places of categories from 1), f (fold).

Belongs here: making it, its extents. Does not belong here: what is computed on it (`ml.indb.glm_pass`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.document.work_tables import WORK_SCHEMA, new_name
from ml.indb.errors import InDatabaseError
from ml.indb.glm_deviance import Moment, moments_of
from ml.indb.glm_patterns import patterns_pay
from ml.indb.glm_profile import Profile, Span
from ml.indb.glm_rows import GlmRows, double_sql
from warehouse.client import quote
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse

FLUSH = 1e-30
"""A z below this counts as 0: products of smaller ones could underflow, which raises in Postgres."""

STEP_BITS = 61
"""Doubles are summed as whole numbers of up to 61 bits: without a rounding that depends on their order, and
each within 2^-62 of the largest."""


@dataclass(frozen=True)
class Axis:
    """A number of the table: z = (x - centre) · 2^-shift, less `mean` when it is used."""

    column: str
    kind: str
    centre: float
    shift: int
    mean: float = 0.0


@dataclass(frozen=True)
class GlmTable:
    """`table` is its quoted name, with `lines` lines for `rows` rows of `weight` in all. `axes` are its
    numbers; `levels` by category column its texts by place; `totals` (weight or sum of the target) by s;
    `largest` the greatest n and s of a line, `moments` the sums of h.
    """

    table: str
    lines: int
    rows: int
    weight: float
    axes: tuple[Axis, ...]
    levels: dict[str, list[str | None]]
    totals: tuple[float, ...]
    largest: tuple[float, float]
    moments: tuple[float, ...]
    bytes_out: int


def steps_for(largest: float) -> float:
    """The power of two that brings sizes up to `largest` to whole numbers of 61 bits."""
    return math.ldexp(1.0, STEP_BITS - math.frexp(largest)[1])


def in_steps(expression: str, factor: float) -> str:
    """The exact sum of an expression in steps: NUMERIC."""
    return f"sum(({expression} * {POSTGRES.number(factor)})::bigint)"


def glm_table(wh: Warehouse, rows: GlmRows, found: Profile, patterns: bool | None = None) -> GlmTable:
    """Make the table, within `ml.indb.fitting.fitting`; `patterns` None decides by count. The caller drops
    it.

    Raises:
        InDatabaseError: the rows changed since they were scanned.
        WarehouseError: a statement fails.
    """
    axes = tuple(axis for number in rows.numbers for axis in _axes(number.name, found.span(number.name)))
    levels = {one.name: found.texts(one.name) for one in rows.categories}
    moments = moments_of(rows.family, found.target)
    inner = _inner_sql(rows, found, moments)
    keys = [*(f"x{at}" for at in range(len(rows.numbers))), *(f"t{at}" for at in range(len(levels)))]
    keys += ["f"] if rows.fold else []
    if patterns is None:
        patterns = patterns_pay(wh, rows, found, inner, keys)
    lines = _lines_sql(rows, found, inner, keys, moments, patterns)
    sums = ["n", *(f"s{at + 1}" for at in range(max(len(found.groups) - 1, 1) if rows.classifies else 1))]
    sums += [f"h{at + 1}" for at in range(len(moments))]
    table = quote(WORK_SCHEMA, new_name("glm"))
    wh.execute(f"create unlogged table {table} as {_table_sql(rows, lines, axes, levels, sums)}")
    try:
        return _measured(wh, rows, found, table, axes, levels, moments)
    except InDatabaseError:
        wh.execute(f"drop table if exists {table}")
        raise


def _axes(name: str, span: Span) -> list[Axis]:
    centre = span.low / 2 + span.high / 2
    shift = math.frexp(max(span.high - centre, centre - span.low))[1]
    one = Axis(name, "number", centre, shift)
    return [one, Axis(name, "missing", 0.0, 0)] if span.missing else [one]


def _z_sql(x: str, axis: Axis) -> str:
    if axis.kind == "missing":
        return f"({x} is null)::int::float8"
    number, away = POSTGRES.number, f"({x} - {POSTGRES.number(axis.centre)})"
    least, factor = math.ldexp(FLUSH, axis.shift), math.ldexp(1.0, -axis.shift)
    return (
        f"case when {x} is null or abs({away}) < {number(least)} then '0'::float8 "
        f"else {away} * {number(factor)} end"
    )


def _inner_sql(rows: GlmRows, found: Profile, moments: list[Moment]) -> str:
    """By row: w, y (a class by place), h1, …, and the keys as they are: x0, … (numbers), t0, …, f."""
    y = rows.double(rows.target) if not rows.classifies else _class_sql(rows, found)
    parts = [f"{rows.double(rows.weight) if rows.weight else POSTGRES.number(1.0)} as w", f"{y} as y"]
    parts += [f"{one.sql(y)} as h{at + 1}" for at, one in enumerate(moments)]
    parts += [f"{rows.x(one.name)} as x{at}" for at, one in enumerate(rows.numbers)]
    parts += [f"{rows.x(one.name)} as t{at}" for at, one in enumerate(rows.categories)]
    parts += [f"{rows.x(rows.fold)}::text as f"] if rows.fold else []
    return f"select {', '.join(parts)} from {rows.source} as r"


def _table_sql(
    rows: GlmRows, lines: str, axes: tuple[Axis, ...], levels: dict[str, list[str | None]], sums: list[str]
) -> str:
    """Lines with numbers as z and categories by place."""
    places = {one.name: at for at, one in enumerate(rows.numbers)}
    parts = [f"r.{name}" for name in sums]
    for at, axis in enumerate(axes):
        x = double_sql(f"r.x{places[axis.column]}", rows.types[axis.column])
        parts.append(f"{_z_sql(x, axis)} as z{at}")
    joins = []
    for at, texts in enumerate(levels.values()):
        listed = ", ".join(POSTGRES.text(text) for text in texts if text is not None)
        joins.append(
            f"left join unnest(array[{listed}]::text[]) with ordinality as l{at}(t, k) "
            f"on l{at}.t = r.t{at}::text"
        )
        place = f"case when r.t{at} is null then {len(texts)} else l{at}.k end"
        parts.append(f"({place if None in texts else f'l{at}.k'})::int as c{at}")
    parts += ["r.f"] if rows.fold else []
    return f"select {', '.join(parts)} from ({lines}) as r {' '.join(joins)}"


def _class_sql(rows: GlmRows, found: Profile) -> str:
    texts = [str(one).lower() if isinstance(one, bool) else str(one) for one in found.groups]
    whens = " ".join(f"when {POSTGRES.text(text)} then {at}" for at, text in enumerate(texts))
    return f"case {rows.x(rows.target)}::text {whens} end"


def _lines_sql(
    rows: GlmRows, found: Profile, inner: str, keys: list[str], moments: list[Moment], patterns: bool
) -> str:
    """Rows, or patterns with the sums of their rows: n, s1, …, h1, … and the keys."""
    w_most = found.weight[1]
    named = [("w", "n", w_most)]
    if rows.classifies:
        classes = range(1, len(found.groups))
        named += [(f"case when y = {k} then w else 0 end", f"s{k}", w_most) for k in classes]
    else:
        named.append(("w * y", "s1", w_most * found.target[1]))
    named += [(f"w * h{at + 1}", f"h{at + 1}", w_most * one.most) for at, one in enumerate(moments)]
    listed = ", ".join(keys)
    if not patterns:
        made = ", ".join(f"{sql} as {name}" for sql, name, _ in named)
        return f"select {made}, {listed} from ({inner}) as r"
    sums = {name: _exact(sql, most) for sql, name, most in named}
    if rows.weight is None:  # the same, and quicker
        sums["n"] = "count(*)::float8"
    if rows.weight is None and rows.classifies:
        sums |= {f"s{k}": f"(count(*) filter (where y = {k}))::float8" for k in range(1, len(found.groups))}
    made = ", ".join(f"{sql} as {name}" for name, sql in sums.items())
    return f"select {made}, {listed} from ({inner}) as r group by {listed}"


def _exact(sql: str, most: float) -> str:
    factor = steps_for(most)
    return f"{in_steps(sql, factor)}::float8 * {POSTGRES.number(1.0 / factor)}"


def _measured(
    wh: Warehouse, rows: GlmRows, found: Profile, table: str, axes: tuple[Axis, ...],
    levels: dict[str, list[str | None]], moments: list[Moment],
) -> GlmTable:  # fmt: skip
    """Its extents, once they are seen to fit the scan that was made before."""
    count, w_all = len(found.groups) - 1 if rows.classifies else 1, found.weight[1] * found.rows
    s_all = w_all if rows.classifies else w_all * found.target[1]
    factors = [steps_for(w_all), *[steps_for(s_all)] * count]
    factors += [steps_for(w_all * one.most) for one in moments]
    names = ["n", *(f"s{at + 1}" for at in range(count)), *(f"h{at + 1}" for at in range(len(moments)))]
    sums = [in_steps(name, factor) for name, factor in zip(names, factors, strict=True)]
    sums += [in_steps(f"n * z{at}", factors[0]) for at in range(len(axes))]
    bad = [f"z{at} is null or abs(z{at}) > 1" for at in range(len(axes))]
    bad += [f"c{at} is null" for at in range(len(levels))] + ["n is null or s1 is null"]
    bad += ["f is null"] if rows.fold else []
    largest = ", ".join(f"max({name})" for name in names[1 : count + 1])
    row = wh.query(
        f"select count(*) as lines, max(n) as n, greatest({largest}) as s, "
        f"count(*) filter (where {' or '.join(bad)}) as bad, "
        f"array[{', '.join(f'{one}::text' for one in sums)}]::text[] as sums from {table}"
    )[0]
    values = [
        int(text) / factor
        for text, factor in zip(row["sums"], factors + [factors[0]] * len(axes), strict=True)
    ]
    weight = values[0]
    _refuse_changed(rows, found, row["bad"], weight)
    means = [value / weight for value in values[len(names) :]]
    placed = tuple(
        Axis(a.column, a.kind, a.centre, a.shift, mean) for a, mean in zip(axes, means, strict=True)
    )
    return GlmTable(
        table, row["lines"], found.rows, weight, placed, levels, tuple(values[1 : count + 1]),
        (row["n"], row["s"]), tuple(values[count + 1 : len(names)]),
        found.bytes_out + sum(map(len, row["sums"])),
    )  # fmt: skip


def _refuse_changed(rows: GlmRows, found: Profile, bad: int, weight: float) -> None:
    is_other = rows.weight is None and round(weight) != found.rows
    if bad or is_other:
        reason = f"fold {rows.fold!r} is missing, or the rows" if rows.fold else "the rows"
        count = bad or abs(round(weight) - found.rows)
        raise InDatabaseError(
            f"fitting on {rows.source} failed: {count} rows do not fit what was scanned before; {reason} "
            "changed meanwhile. Fit again."
        )
