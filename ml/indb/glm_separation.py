"""Separation: a weighted sum of columns that tells classes apart, so that the likelihood has no maximum.

Albert and Anderson (1984): the maximum exists unless some direction of the coefficients has every row on its
own class's side or on the border, and not all on the border. One column's categories and ranges tell most
cases from counts. A fit that goes on without an end tells its direction, and whether every row agrees with it
is asked of the table. For Poisson the border holds the rows above 0 (Santos Silva and Tenreyro 2010).

Belongs here: finding it and saying so. Does not belong here: fits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.indb.errors import InDatabaseError
from ml.indb.glm_pass import GlmPass
from ml.indb.glm_profile import Profile, Span
from ml.indb.glm_rows import GlmRows
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse

BORDER = 1e-8
"""Of the largest distance from the border: within this a row lies on it. A fit without an end comes nearer to
its direction with each step, one row of values a million deviations away only looks like one."""

NAMED = 1e-3
"""Columns whose part in the direction is at least this share of the largest are named."""

MOST_NAMED = 8

ADVICE = "Leave it out, group its values, or set a penalty above 0"


def refuse_separated(rows: GlmRows, found: Profile) -> None:
    """What counts and ranges by class tell.

    Raises:
        InDatabaseError: one column alone separates.
    """
    if rows.family == "gamma":
        return
    for category in found.levels:
        for text in found.texts(category):
            shown = "missing" if text is None else repr(text)
            _refuse_part(rows, found, found.levels[category][text], f"column {category!r} is {shown}")
    for name, spans in found.spans.items():
        missing = {group: one.missing for group, one in spans.items()}
        if any(missing.values()):
            known = {group: count - missing[group] for group, count in found.groups.items()}
            _refuse_part(rows, found, missing, f"column {name!r} is missing")
            _refuse_part(rows, found, known, f"column {name!r} is known")
        _refuse_ranges(rows, name, spans)


def _refuse_part(rows: GlmRows, found: Profile, counts: dict[Any, int], what: str) -> None:
    """Rows of one category that lack a class, or for Poisson all targets above 0."""
    total = sum(counts.values())
    lacking = [group for group in found.groups if not counts.get(group)]
    if not rows.classifies:
        lacking = [] if counts.get(True) else [True]
    if not lacking or not total:
        return
    lacks = f"class {lacking[0]!r} of" if rows.classifies else "a value above 0 of"
    raise InDatabaseError(
        f"{what} in {total} rows, none with {lacks} target {rows.target!r}: its coefficient has no bound "
        "(quasi-complete separation); allowed: columns with every class in each of their categories. "
        f"{ADVICE}."
    )


def _refuse_ranges(rows: GlmRows, name: str, spans: dict[Any, Span]) -> None:
    for group, own in spans.items():
        others = [one for key, one in spans.items() if key != group]
        if not others:  # of counts that are all above 0
            return
        low, high = min(one.low for one in others), max(one.high for one in others)
        if rows.classifies:
            is_apart = own.low >= high or own.high <= low
        else:  # above 0 at one value only, which bounds the rows of 0
            is_apart = group is True and own.low == own.high and (own.high <= low or own.low >= high)
        if is_apart:
            kind = "complete" if len(spans) == 2 and (own.low > high or own.high < low) else "quasi-complete"
            raise InDatabaseError(
                f"column {name!r} lies between {own.low!r} and {own.high!r} for {_named(rows, group)} and "
                f"between {low!r} and {high!r} else: its coefficient has no bound ({kind} separation); "
                f"allowed: ranges that overlap. {ADVICE}."
            )


def _named(rows: GlmRows, group: Any) -> str:
    return (
        f"class {group!r} of target {rows.target!r}" if rows.classifies else f"target {rows.target!r} above 0"
    )


def separation_doubt(
    wh: Warehouse, rows: GlmRows, found: Profile, run: GlmPass
) -> Callable[[np.ndarray], None]:
    """A check of one direction (M, P) of the table's coefficients on every line."""

    def doubt(direction: np.ndarray) -> None:
        if rows.family == "gamma":
            return
        size = np.abs(direction).max()
        row = wh.query(_check_sql(rows, run, direction / size))[0]
        run.count += 1
        if row["far"] is None or not row["far"] > 0.0 or row["wrong"] > BORDER * row["far"]:
            return
        kind = "complete " if row["near"] > BORDER * row["far"] else "quasi-complete "
        kind = kind if len(direction) == 1 else ""
        parts = np.abs(direction / size).max(axis=0)[1:]
        names = [
            name for name, part in zip(run.terms.names[1:], parts, strict=True) if part > NAMED * parts.max()
        ]
        listed = ", ".join(map(repr, names[:MOST_NAMED]))
        listed += f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        raise InDatabaseError(
            f"a weighted sum of {listed} tells the classes of target {rows.target!r} apart in {found.rows} "
            f"rows ({kind}separation): their coefficients have no bound; allowed: classes that overlap. "
            "Leave one of these columns out, or set a penalty above 0."
        )

    return doubt


def _check_sql(rows: GlmRows, run: GlmPass, direction: np.ndarray) -> str:
    """By line how far it lies on a wrong side, and how far from the border at all."""
    every, columns = (
        [f"e{m}" for m in range(len(direction))],
        ["n", *(f"s{m + 1}" for m in range(len(direction)))],
    )
    if rows.classifies:
        zero = POSTGRES.number(0.0)
        scores = ", ".join([zero, *every])
        rest = " - ".join(["n", *(f"s{m + 1}" for m in range(len(direction)))])
        present = [f"case when {rest} > n * {POSTGRES.number(1e-9)} then {zero} end"]
        present += [f"case when s{m + 1} > 0 then e{m} end" for m in range(len(direction))]
        wrong, far = (
            f"greatest({scores}) - least({', '.join(present)})",
            f"greatest({scores}) - least({scores})",
        )
    else:
        wrong, far = "case when s1 > 0 then abs(e0) else greatest(e0, 0) end", "abs(e0)"
    return (
        f"select max({wrong}) as wrong, max({far}) as far, min({far}) as near "
        f"from ({run.lines_sql(direction, columns)} {POSTGRES.fence}) as s"
    )
