"""Means and spreads of each class, from cofactors that were split by the label.

Belongs here: reading them, and the checks that discriminants share. Does not belong here: the models
(`ml.indb.discriminants`, `ml.indb.naive_bayes`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.indb.cofactor_scan import Measured
from ml.indb.cofactors import Cofactors, summed
from ml.indb.declarations import CATEGORY_TYPES, TEXT_TYPES
from ml.indb.design import Design, Term, design_of, terms_of
from ml.indb.errors import InDatabaseError
from ml.indb.linear import dependency
from ml.indb.moments import doubles
from ml.indb.rational import nearest, solve

Classes = Mapping[Any, Cofactors]
"""By class, in order: text, whole number or truth value."""


@dataclass(frozen=True)
class ClassMoments:
    """By class (k,): `rows`, `means` (k, p), and `scatter` (k, p, p), the sums of products of distances from
    the class's own means. `designs` hold the same exactly.
    """

    classes: tuple[Any, ...]
    terms: tuple[Term, ...]
    rows: np.ndarray
    means: np.ndarray
    scatter: np.ndarray
    designs: tuple[Design, ...]


def classes_of(measured: Measured, label: str) -> dict[Any, Cofactors]:
    """Cofactors by the values of the label column, in its own type and order.

    Raises:
        InDatabaseError: rows were not split by it, all are of one class, or its type has no classes.
    """
    read: dict[str, Any] = {"boolean": lambda text: text == "true", **dict.fromkeys(TEXT_TYPES, str)}
    read |= dict.fromkeys(("smallint", "integer", "bigint"), int)
    parts, type_name = measured.by(label), measured.types[label]
    if type_name not in read:
        raise InDatabaseError(
            f"label {label!r} is {type_name}; allowed: {', '.join(CATEGORY_TYPES)}. Cast it in the relation."
        )
    if len(parts) == 1:
        raise InDatabaseError(
            f"label {label!r} is {next(iter(parts))!r} in all {measured.total.rows} rows; allowed: two "
            "classes or more. Widen the window."
        )
    return checked({read[type_name](text): part for text, part in parts.items()})


def checked(classes: Classes) -> dict[Any, Cofactors]:
    """
    Raises:
        InDatabaseError: fewer than two classes.
    """
    if len(classes) < 2:
        raise InDatabaseError(
            f"the label has one class, {list(classes)!r}; allowed: two or more. Widen the window."
        )
    return {name: classes[name] for name in sorted(classes)}


def class_moments(classes: Classes, features: Iterable[str]) -> ClassMoments:
    """Moments of numbers and categories by class; of a category column the most frequent is the reference.

    Raises:
        InDatabaseError: fewer than two classes, or a feature that was not measured.
    """
    given = checked(classes)
    terms, references = terms_of(summed(given.values()), features)
    return moments_of_classes(given, terms, references)


def moments_of_classes(
    classes: Classes, terms: Sequence[Term], references: Mapping[str, str | None] | None = None
) -> ClassMoments:
    """Moments of these columns by class."""
    designs = tuple(design_of(part, terms, None, dict(references or {})) for part in classes.values())
    return ClassMoments(
        tuple(classes),
        tuple(terms),
        np.array([design.rows for design in designs]),
        np.array([[nearest(design.mean(at)) for at in range(len(terms))] for design in designs]),
        np.array([_scatter(design) for design in designs]),
        designs,
    )


def refuse_within(moments: ClassMoments) -> None:
    """
    Raises:
        InDatabaseError: a column that, within the classes, is constant or follows from the others.
    """
    count, kinds = len(moments.terms), len(moments.designs)
    scales = moments.designs[0].scales
    if any(design.scales != scales for design in moments.designs):
        raise InDatabaseError("classes were measured in different steps. Measure them in one statement.")
    matrix = [[0] * (kinds + count) for _ in range(kinds + count)]
    for at, design in enumerate(moments.designs):
        matrix[at][at] = design.rows
        for i, row in enumerate(design.products):
            matrix[at][kinds + i] = matrix[kinds + i][at] = design.sums[i]
            for j, value in enumerate(row):
                matrix[kinds + i][kinds + j] += value
    names = [f"(class {name!r})" for name in moments.classes] + [term.name for term in moments.terms]
    dependent = solve(matrix, [], inverse=False).dependent
    for place, weights in dependent.items():
        raise InDatabaseError(dependency(names, [*[1] * kinds, *scales], place, weights, "all rows"))


def refuse_dependent_class(moments: ClassMoments, place: int) -> None:
    """
    Raises:
        InDatabaseError: a class with too few rows, or in which a column is constant or follows from others.
    """
    design, name = moments.designs[place], moments.classes[place]
    if design.rows <= len(moments.terms):
        raise InDatabaseError(
            f"class {name!r} has {design.rows} rows for {len(moments.terms)} columns; allowed: more rows "
            "than columns in each class. Use fewer features, or linear discriminants."
        )
    names, scales = ["1", *(term.name for term in moments.terms)], [1, *design.scales]
    matrix = [[design.rows, *design.sums]] + [
        [total, *row] for total, row in zip(design.sums, design.products, strict=True)
    ]
    for at, weights in solve(matrix, [], inverse=False).dependent.items():
        raise InDatabaseError(dependency(names, scales, at, weights, f"all rows of class {name!r}"))


def _scatter(design: Design) -> np.ndarray:
    return doubles(design, design.centred(), design.rows)
