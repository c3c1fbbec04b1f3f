"""The columns of a model on encoded cofactors: which there are, and which are left out, with the reason.

A column with one value, and one that follows from others, tells rows apart no further: leaving it out gives
the same answers, and the diagnosis goes with the model. Belongs here: that choice. Not: fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.indb.cofactors import Cofactors
from ml.indb.columns import IS_MISSING
from ml.indb.design import Design, Term, design_of
from ml.indb.errors import InDatabaseError

DEPENDENT = 1e-9
"""A column of which the columns before it leave this share of its variance, or less, follows from them."""


@dataclass(frozen=True)
class Chosen:
    """`terms` of the model, and `left_out`: why, by the name of a feature or a term."""

    terms: tuple[Term, ...]
    left_out: Mapping[str, str]


def all_terms(part: Cofactors, features: Sequence[str], *, every_level: bool) -> tuple[Term, ...]:
    """Numbers, their missing indicators, and a column a category: `every_level`, or all but the most
    frequent.
    """
    terms: list[Term] = []
    for name in features:
        if name in part.columns:
            terms.append(Term("number", name))
            if name + IS_MISSING in part.columns:
                terms.append(Term("missing", name))
            continue
        texts, place = part.texts(name), part.categories.index(name)
        counts = [part.levels[place, text][0] for text in texts]
        reference = counts.index(max(counts))
        terms += [Term("level", name, t) for at, t in enumerate(texts) if every_level or at != reference]
    return tuple(terms)


def chosen_terms(
    part: Cofactors, terms: Sequence[Term], features: Sequence[str], variances: np.ndarray
) -> Chosen:
    """The terms that vary (`variances`, (terms,), not 0), and which features and terms do not.

    Raises:
        InDatabaseError: none varies.
    """
    varies = variances > 0.0
    kept = tuple(term for term, does in zip(terms, varies.tolist(), strict=True) if does)
    if not kept:
        raise InDatabaseError(
            f"no feature varies in the {part.rows} training rows; allowed: at least one. Widen the window."
        )
    used = {term.column for term in kept}
    left_out = {name: _reason(part, name) for name in features if name not in used}
    return Chosen(kept, left_out)


def without_dependent(terms: Sequence[Term], cross: np.ndarray, rows: int) -> Chosen:
    """Without the terms that follow from those before them, by Cholesky factors of their correlations
    `cross` (terms, terms) of products about means.
    """
    scale = np.sqrt(np.diag(cross))
    left = cross / np.outer(scale, scale)
    is_kept = np.ones(len(terms), dtype=bool)
    for place in range(len(terms)):
        pivot = left[place, place]
        if pivot <= DEPENDENT:
            is_kept[place] = False
            left[place, :] = left[:, place] = 0.0
            continue
        column = left[place + 1 :, place].copy()
        left[place + 1 :, place + 1 :] -= np.outer(column, column) / pivot
    reason = f"follows from the columns before it in all {rows} training rows"
    kept = tuple(term for term, is_ in zip(terms, is_kept.tolist(), strict=True) if is_)
    names = [term.name for term, is_ in zip(terms, is_kept.tolist(), strict=True) if not is_]
    return Chosen(kept, dict.fromkeys(names, reason))


def target_of(part: Cofactors, terms: Sequence[Term], target: str) -> Design:
    """The design of terms and target.

    Raises:
        InDatabaseError: the target has one value.
    """
    design = design_of(part, terms, target)
    place = part.place(target)
    if part.rows * part.product_steps(place, place) == part.sums[place] ** 2:
        raise InDatabaseError(
            f"label {target!r} is {float(design.mean(-1))!r} in all {part.rows} training rows; allowed: at "
            "least two values. Widen the window."
        )
    return design


def _reason(part: Cofactors, name: str) -> str:
    where = f"in all {part.rows} training rows"
    if name not in part.columns:
        texts = part.texts(name)
        return f"is {'missing' if texts == [None] else repr(texts[0])} {where}"
    if name + IS_MISSING in part.columns and part.total(name + IS_MISSING) == part.rows:
        return f"is missing {where}"
    return f"is {float(part.total(name)) / part.rows!r} {where}"
