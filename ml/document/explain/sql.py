"""Explanations as one SELECT on stock Postgres: the numbers that Python gives, to about 1e-9.

Belongs here: laying out the query, and its sums over columns. Does not belong here: the part for trees
(`ml.document.explain.sql_trees`), running the text.

The query needs no table, function or extension of its own. The document's columns are computed by its scoring
SQL; each row then meets the terms and the leaf paths, which stand in the text as arrays. A row of the answer
is one input of one row: sort by its size, and the first lines say why.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ml.document.explain.arrays import integers, numbers, texts
from ml.document.explain.contributions import Explainer
from ml.document.explain.sql_trees import SqlTrees
from ml.document.ops.constants import LIMIT
from ml.document.schema import DocumentError
from ml.document.sql import scoring_sql
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.document.schema import Document

TAKEN = re.compile(r"(margin|score)(_\d+)?|decision|output|input|contribution|base")
"""Names that the query gives to its own columns."""

TINY = 1e-150
"""Differences and weights under this count as 0: no product can then round to zero, a Postgres error."""


def explain_sql(
    document: Document, relation: str, keys: Sequence[str] = (), background: pa.Table | None = None
) -> str:
    """A SELECT of `keys`, `output` (the margin's position, from 0), `input` (its name), `contribution`,
    `base` and `margin`: one row for every row of `relation`, margin and input, in no order.

    `relation` is as in `scoring_sql`; give it the few rows in question, as a parenthesised SELECT. `base`
    plus the contributions is the margin, as `explain` says, whose `background` is the same. A missing margin
    has a NULL contribution.

    Raises:
        DocumentError: the margin is no sum of one number an input; a key has the name of an answer; or the
            model is too large for one query, and is explained in Python.
    """
    wrong = [key for key in keys if TAKEN.fullmatch(key)]
    if wrong:
        raise DocumentError(f"keys {wrong} have the names of answers; allowed: other names. Rename them.")
    explainer = Explainer(document, background)
    trees = SqlTrees(explainer)
    union = "\nunion all\n".join([_every(explainer), *_terms(explainer), *trees.selects()])
    shown = [*(f"r.{POSTGRES.name_of(key)}" for key in keys), *_shown(explainer)]
    lines = [
        f"-- {' '.join(document.name.split())}: why",
        f"-- document {document.sha256}",
        "select",
        _listed(shown),
        "from (",
        _indent(_rows(explainer, relation, keys, trees)),
        ") as r",
        "cross join lateral (",
        "  select t.output, t.input,",
        "    case when count(t.part) = count(*) then sum(t.part) end as contribution",
        "  from (",
        _indent(_indent(union)),
        "  ) as t",
        "  group by t.output, t.input",
        ") as e",
    ]
    return "\n".join(lines)


def _shown(explainer: Explainer) -> list[str]:
    """The answer's columns over a row r and its sums e."""
    contribution = "e.contribution"
    cut = [
        f"e.output = {output} and abs(r.x[{column + 1}]) > {POSTGRES.number(LIMIT)}"
        for output, part in enumerate(explainer.parts)
        for column in part.passed
    ]
    if cut:
        contribution = f"case when {' or '.join(cut)} then null else e.contribution end"
    margins = integers([place + 1 for place in explainer.margins])
    return [
        "e.output",
        f"({texts(explainer.inputs)})[e.input] as input",
        f"{contribution} as contribution",
        f"({numbers(explainer.bases)})[e.output + 1] as base",
        f"r.x[({margins})[e.output + 1]] as margin",
    ]


def _rows(explainer: Explainer, relation: str, keys: Sequence[str], trees: SqlTrees) -> str:
    """The rows asked for: their keys, the plan's columns as one array x, and what the trees need of them."""
    count = len(explainer.columns.margins)
    names = ["margin"] if count == 1 else [f"margin_{place}" for place in range(count)]
    own = [POSTGRES.name_of(key) for key in keys]
    columns = [*own, f"array[{', '.join(names)}]::float8[] as x", *trees.codes(names)]
    scored = scoring_sql(explainer.columns, relation, keys)
    return f"select\n{_listed(columns)}\nfrom (\n{_indent(scored)}\n) as scored\n{POSTGRES.fence}"


def _every(explainer: Explainer) -> str:
    """A zero for every margin and input, so that an input the margin does not read is there too."""
    outputs, inputs = len(explainer.parts), len(explainer.inputs)
    return (
        "select output, input, '0.0'::float8 as part\n"
        f"from generate_series(0, {outputs - 1}) as o(output), generate_series(1, {inputs}) as i(input)"
    )


def _terms(explainer: Explainer) -> list[str]:
    terms = [(output, term) for output, part in enumerate(explainer.parts) for term in part.terms]
    if not terms:
        return []
    weights = np.array([term.weight for _, term in terms])
    arrays = [
        integers([output for output, _ in terms]),
        integers([term.input + 1 for _, term in terms]),
        integers([term.column + 1 for _, term in terms]),
        numbers(np.where(np.abs(weights) < TINY, 0.0, weights)),
        numbers(explainer.references[[term.column for _, term in terms]]),
    ]
    difference = "(r.x[l.place] - l.reference)"
    tiny, zero = POSTGRES.number(TINY), POSTGRES.number(0.0)
    return [
        f"select l.output, l.input, case when abs{difference} < {tiny} then {zero} "
        f"else l.weight * {difference} end\n"
        f"from unnest({', '.join(arrays)}) as l(output, input, place, weight, reference)"
    ]


def _listed(columns: Sequence[str]) -> str:
    return ",\n".join(_indent(column) for column in columns)


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))
