"""From cofactors to the columns of one model: numbers, missing indicators, and a column for each category.

The columns of categories exist in these matrices only: their sums and products are counts that were measured
by group.

Belongs here: choosing columns, and the checks that need no fit. Does not belong here: fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ml.indb.cofactors import Cofactors, Level
from ml.indb.columns import IS_MISSING
from ml.indb.errors import InDatabaseError
from ml.indb.rational import nearest


@dataclass(frozen=True)
class Term:
    """One column of a model: a number, whether it is missing (`kind` "missing"), or whether the category is
    `level` (None is missing). `column` is the relation's column.
    """

    kind: str
    column: str
    level: str | None = None

    @property
    def name(self) -> str:
        """As it stands in tables of coefficients."""
        if self.kind == "level":
            return f"{self.column}={'(missing)' if self.level is None else self.level}"
        return self.column + (IS_MISSING if self.kind == "missing" else "")


@dataclass(frozen=True)
class Design:
    """Sums and products of the columns of a model and its target, in whole steps.

    `terms` (p,) with `scales` (p + 1,) steps in a unit, the target last; `sums` (p + 1,); `products`
    (p + 1, p + 1); without a target, as long as the terms. `references`: by category column the category
    that has no column of its own. `counted` and `weight` are those of `Cofactors`.
    """

    terms: tuple[Term, ...]
    target: str | None
    rows: int
    scales: tuple[int, ...]
    sums: tuple[int, ...]
    products: tuple[tuple[int, ...], ...]
    references: dict[str, str | None]
    counted: int | None = None
    weight: str | None = None

    @property
    def names(self) -> list[str]:
        """Of the terms, and the target's last."""
        return [*(term.name for term in self.terms), *([] if self.target is None else [self.target])]

    def centred(self) -> list[list[int]]:
        """Sums of products of distances from the means (p + 1, p + 1): in steps, times rows, so whole."""
        count, sums = self.rows, self.sums
        return [
            [count * value - sums[i] * sums[j] for j, value in enumerate(row)]
            for i, row in enumerate(self.products)
        ]

    def mean(self, place: int) -> Fraction:
        """The mean of a column; the target's at -1."""
        return Fraction(self.sums[place], self.rows * self.scales[place])


def terms_of(
    cofactors: Cofactors, features: Iterable[str], *, every_level: bool = False
) -> tuple[tuple[Term, ...], dict[str, str | None]]:
    """The columns of a model on these features, and the reference category of each category column: the most
    frequent, the first by text among equals. `every_level` leaves none out, for fits with a penalty.

    A number's missing indicator follows it where any row lacks it.

    Raises:
        InDatabaseError: no feature, one that was not measured, or a category column with one category.
    """
    terms: list[Term] = []
    references: dict[str, str | None] = {}
    for name in features:
        if name in cofactors.columns:
            terms.append(Term("number", name))
            if name + IS_MISSING in cofactors.columns and cofactors.total(name + IS_MISSING):
                terms.append(Term("missing", name))
            continue
        texts = cofactors.texts(name)
        if len(texts) < 2:
            raise InDatabaseError(
                f"category {name!r} is {texts[0]!r} in all {cofactors.rows} rows; allowed: at least two "
                "categories. Leave it out."
            )
        counts = [cofactors.levels[cofactors.categories.index(name), text][0] for text in texts]
        reference = texts[counts.index(max(counts))]
        if not every_level:
            references[name] = reference
        terms += [Term("level", name, text) for text in texts if every_level or text != reference]
    if not terms:
        raise InDatabaseError("a model without features; allowed: at least one.")
    return tuple(terms), references


def design_of(
    cofactors: Cofactors,
    terms: Sequence[Term],
    target: str | None,
    references: dict[str, str | None] | None = None,
) -> Design:
    """The matrices of these terms, taken from cofactors of any part of the rows.

    Raises:
        InDatabaseError: the target is among the features, was not measured, or is missing in some rows.
    """
    if any(term.column == target for term in terms):
        raise InDatabaseError(f"target {target!r} is among the features. Leave it out of them.")
    given = [*terms, *([] if target is None else [Term("number", target)])]
    if target is not None:
        refuse_missing(cofactors, [target], "target")
    places = [_place(cofactors, term) for term in given]
    sums = [_sum(cofactors, place) for place in places]
    products = [[0] * len(given) for _ in given]
    for i, one in enumerate(places):
        for j in range(i, len(places)):
            products[i][j] = products[j][i] = _product(cofactors, one, places[j])
    scales = tuple(cofactors.scales[place] if isinstance(place, int) else 1 for place in places)
    return Design(
        tuple(terms),
        target,
        cofactors.rows,
        scales,
        tuple(sums),
        tuple(map(tuple, products)),
        references or {},
        cofactors.counted,
        cofactors.weight,
    )


def refuse_constant(design: Design) -> None:
    """
    Raises:
        InDatabaseError: a column, or the target, has one value in all rows.
    """
    names, rows = design.names, design.rows
    constant = [at for at, name in enumerate(names) if not _varies(design, at)]
    if constant:
        missing = {term.column for term in design.terms if term.kind == "missing"}
        missing &= {names[at].removesuffix(IS_MISSING) for at in constant if design.sums[at] == rows}
        listed = ", ".join(
            f"{names[at]!r} ({'missing' if names[at] in missing else repr(nearest(design.mean(at)))})"
            for at in constant
            if names[at].removesuffix(IS_MISSING) not in missing or names[at] in missing
        )
        raise InDatabaseError(
            f"columns with one value in all {design.rows} rows: {listed}; allowed: columns that vary. Leave "
            "them out, or widen the window."
        )


def _varies(design: Design, at: int) -> bool:
    return design.rows * design.products[at][at] != design.sums[at] ** 2


def refuse_missing(cofactors: Cofactors, names: Iterable[str], what: str) -> None:
    """
    Raises:
        InDatabaseError: a number that some rows lack, where 0 in its place would be taken for a value.
    """
    for name in names:
        if name + IS_MISSING in cofactors.columns and (count := cofactors.total(name + IS_MISSING)):
            raise InDatabaseError(
                f"{what} {name!r} is missing in {count} of {cofactors.rows} rows; allowed: a number in every "
                "row. Filter those rows out, or fill it in the relation."
            )


def _place(cofactors: Cofactors, term: Term) -> int | Level:
    if term.kind == "level":
        return cofactors.categories.index(term.column), term.level
    return cofactors.place(term.name)


def _sum(cofactors: Cofactors, place: int | Level) -> int:
    if isinstance(place, int):
        return cofactors.sums[place]
    return cofactors.levels[place][0] if place in cofactors.levels else 0


def _product(cofactors: Cofactors, one: int | Level, two: int | Level) -> int:
    if isinstance(one, int) and isinstance(two, int):
        return cofactors.product_steps(one, two)
    if isinstance(one, int) or isinstance(two, int):
        number, level = (one, two) if isinstance(one, int) else (two, one)
        return cofactors.levels[level][1][number] if level in cofactors.levels else 0
    return cofactors.pair_rows(one, two)
