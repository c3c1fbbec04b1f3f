"""Explanations of rows: for each margin a base, and a number an input, which add up to the margin.

Belongs here: the public functions over Arrow tables and single rows. Does not belong here: taking a document
apart (`ml.document.explain.plan`), trees (`ml.document.explain.tree_shap`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.evaluate import Evaluator
from ml.document.explain.paths import Paths, paths_of
from ml.document.explain.plan import Part, plan_of
from ml.document.explain.tree_shap import tree_values
from ml.document.ops.constants import LIMIT
from ml.document.schema import DocumentError

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.document.schema import Document


@dataclass(frozen=True)
class Explanation:
    """One margin of some rows: margin = base + the sum of a row's values, to about 1e-9 of the largest. All
    are on the margin's scale: log odds under a sigmoid head, the logarithm of the answer under exp.

    `values` (rows, inputs) float64 in the order of `inputs`, the names of the document's inputs; `margin`
    (rows,) to the bit as the document answers. A missing margin has missing (NaN) values, and so has a row in
    which a sum inside the document was cut at 1e100.
    """

    inputs: tuple[str, ...]
    base: float
    values: np.ndarray
    margin: np.ndarray


def explain(document: Document, table: pa.Table, background: pa.Table | None = None) -> Explanation:
    """The explanation of every row of `table`, for a document with one margin.

    Without `background` a weighted column contributes weight · column, and the base holds the intercept: a
    column that the model standardised is then measured from its mean in training. With `background`, rows of
    the inputs, it contributes weight · (column - the column's mean over the rows where it is not missing),
    and the base is the margin of these means. A sum of trees contributes its Shapley values and puts its mean
    by the covers seen in training into the base, with or without `background`.

    Raises:
        DocumentError: the document has several margins, or one that is no sum of one number an input; a
            background column has no value.
    """
    return _only(explain_margins(document, table, background))


def explain_margins(
    document: Document, table: pa.Table, background: pa.Table | None = None
) -> list[Explanation]:
    """As `explain`, one explanation a margin, in the document's order."""
    return Explainer(document, background).table(table)


def explain_row(
    document: Document, row: Mapping[str, Any], background: pa.Table | None = None
) -> dict[str, Any]:
    """As `explain`, for one row of plain values (None is missing): `base`, `contributions` by input and
    `margin`.

    Without `background` the explainers of the last few documents are kept; who answers many requests keeps an
    `Explainer`. Raises KeyError for an absent input.
    """
    explainer = _kept(_Known(document)) if background is None else Explainer(document, background)
    return _only(explainer.row(row))


class Explainer:
    """One document, ready to explain. Holds no state of a request: safe from several threads."""

    def __init__(self, document: Document, background: pa.Table | None = None) -> None:
        plan = plan_of(document)
        self.document, self.inputs = document, document.input_names
        self.parts = plan.parts
        self._evaluator = Evaluator(plan.columns)
        self.references = np.zeros(len(plan.columns.margins))
        if background is not None:
            self.references = self._means(background)
        self.bases = [self._base(part, paths) for part, paths in zip(self.parts, self.paths, strict=True)]

    @cached_property
    def paths(self) -> list[list[Paths]]:
        """By margin the leaf paths of its ensembles."""
        return [[paths_of(one.node, one.weight) for one in part.ensembles] for part in self.parts]

    @property
    def columns(self) -> Document:
        """The document that computes what the explanation reads (see `Plan`)."""
        return self._evaluator.document

    def table(self, table: pa.Table) -> list[Explanation]:
        """One explanation a margin, of the rows of an Arrow table that holds the inputs by name."""
        return self._explained(self._evaluator.table(table).margins)

    def row(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """As `explain_row`, one mapping a margin."""
        read, _, _ = self._evaluator.row(row)
        return [
            {
                "base": one.base,
                "contributions": dict(zip(self.inputs, one.values[0].tolist(), strict=True)),
                "margin": float(one.margin[0]),
            }
            for one in self._explained(np.array([read]))
        ]

    def _explained(self, columns: np.ndarray) -> list[Explanation]:
        found = []
        for place, (part, paths) in enumerate(zip(self.parts, self.paths, strict=True)):
            values = self._values(part, paths, columns)
            margin = columns[:, self.margins[place]]
            found.append(Explanation(self.inputs, self.bases[place], values, margin))
        return found

    @cached_property
    def margins(self) -> list[int]:
        """The plan's column of each margin: the same where two margins are one node."""
        names = list(dict.fromkeys(self.document.margins))
        return [names.index(name) for name in self.document.margins]

    def _values(self, part: Part, paths: list[Paths], columns: np.ndarray) -> np.ndarray:
        values = np.zeros((len(columns), len(self.inputs)))
        for term in part.terms:
            values[:, term.input] += term.weight * (columns[:, term.column] - self.references[term.column])
        for ensemble, own in zip(part.ensembles, paths, strict=True):
            read = columns[:, ensemble.columns]
            values += tree_values(own, read, np.array(ensemble.inputs), len(self.inputs))
        for column in part.passed:
            values[np.abs(columns[:, column]) > LIMIT] = np.nan
        return values

    def _base(self, part: Part, paths: list[Paths]) -> float:
        shifts = [term.weight * float(self.references[term.column]) for term in part.terms]
        return math.fsum([part.start, *shifts, *(one.expected for one in paths)])

    def _means(self, background: pa.Table) -> np.ndarray:
        columns = self._evaluator.table(background).margins
        wanted = sorted({term.column for part in self.parts for term in part.terms})
        means = np.zeros(columns.shape[1])
        for place in wanted:
            known = columns[~np.isnan(columns[:, place]), place]
            if not len(known):
                name = next(t.input for part in self.parts for t in part.terms if t.column == place)
                raise DocumentError(
                    f"background: of {len(columns)} rows none has a value for input {self.inputs[name]!r}; "
                    "allowed: at least one. Give other rows, or none."
                )
            means[place] = known.mean()
        return means


class _Known:
    """A document that is equal to another by its text."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def __hash__(self) -> int:
        return hash(self.document.sha256)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and self.document.sha256 == other.document.sha256


@lru_cache(maxsize=4)
def _kept(known: _Known) -> Explainer:
    return Explainer(known.document)


def _only(found: list[Any]) -> Any:
    if len(found) != 1:
        raise DocumentError(
            f"the document has {len(found)} margins; allowed: one. Use explain_margins, or Explainer.row."
        )
    return found[0]
