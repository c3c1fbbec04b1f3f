"""The rows a generalised linear model is fitted on: its declaration, and which types its columns may have.

Belongs here: the declaration, and checks that need no row. Does not belong here: the scan of the rows
(`ml.indb.glm_profile`), fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.indb.cofactor_scan import column_types
from ml.indb.columns import DOUBLES, WHOLE, Category, Number, encoded
from ml.indb.declarations import CATEGORY_TYPES, TEXT_TYPES
from ml.indb.errors import InDatabaseError
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse

FAMILIES = ("logistic", "multinomial", "poisson", "gamma")
CLASSIFYING = ("logistic", "multinomial")


@dataclass(frozen=True)
class GlmRows:
    """`source` is SQL that may stand behind FROM; `numbers` and `categories` are features in the order of
    `features`; `weight` and `fold` name columns; `types` by column.
    """

    source: str
    target: str
    family: str
    features: tuple[str, ...]
    numbers: tuple[Number, ...]
    categories: tuple[Category, ...]
    weight: str | None
    fold: str | None
    types: dict[str, str]

    @property
    def classifies(self) -> bool:
        return self.family in CLASSIFYING

    @property
    def kinds(self) -> dict[str, str]:
        """By column, the kind of input it is to a model document: number, boolean or category."""
        named = {"boolean": "boolean", **dict.fromkeys(TEXT_TYPES, "category")}
        return {column: named.get(type_name, "number") for column, type_name in self.types.items()}

    def x(self, column: str) -> str:
        """The quoted column of a row that SQL names `r`."""
        return f"r.{POSTGRES.name_of(column)}"

    def double(self, column: str) -> str:
        """A column of numbers as double precision."""
        return double_sql(self.x(column), self.types[column])


def double_sql(x: str, type_name: str) -> str:
    """The quoted column `x` of a type of numbers as double precision; infinite beyond the largest."""
    if type_name == "boolean":
        return f"{x}::int::float8"
    if type_name == "numeric":
        return f"case when abs({x}) < 1e300 then {x}::float8 else sign({x})::float8 * 'Infinity' end"
    return f"{x}::text::float8" if type_name == "real" else f"{x}::float8"


def glm_rows(
    wh: Warehouse,
    relation: str,
    columns: Sequence[str | Number | Category],
    target: str,
    family: str,
    where: str | None = None,
    weight: str | None = None,
    fold: str | None = None,
) -> GlmRows:
    """The declaration with the types that the warehouse gives. A feature that is only named is a category
    where it is text, else a number that may be missing; of a Number only `missing` counts, since every finite
    double up to 1e100 can be fitted on.

    Raises:
        InDatabaseError: an unknown family, no feature, a column that is named twice or has a type that is
            not taken.
        WarehouseError: a column does not exist.
    """
    if family not in FAMILIES:
        raise InDatabaseError(f"family is {family!r}; allowed: {', '.join(FAMILIES)}.")
    names = [one if isinstance(one, str) else one.name for one in columns]
    others = [name for name in (weight, fold) if name is not None]
    twice = sorted({name for name in names if names.count(name) > 1 or name in (target, *others)})
    if not names or twice:
        raise InDatabaseError(
            f"features {names} of target {target!r}: {', '.join(twice) or 'none'} stand twice; allowed: at "
            "least one feature, each named once, apart from the target, weight and fold."
        )
    kept = [] if where is None else [f"({where})"]
    if weight is not None:  # a row of weight 0 is left out
        kept.append(f"x.{POSTGRES.name_of(weight)} is distinct from 0")
    source = f"(select * from {relation} as x where {' and '.join(kept)})" if kept else relation
    types = column_types(wh, source, [*names, target, *others])
    known = [_declared(one, types) for one in columns]
    rows = GlmRows(
        source, target, family, tuple(names),
        tuple(one for one in known if isinstance(one, Number)),
        tuple(one for one in known if isinstance(one, Category)),
        weight, fold, types,
    )  # fmt: skip
    _refuse_types(rows)
    return rows


def _declared(one: str | Number | Category, types: dict[str, str]) -> Number | Category:
    if not isinstance(one, str):
        return one
    return Category(one) if types[one] in TEXT_TYPES else Number(one, missing="indicator")


def _refuse_types(rows: GlmRows) -> None:
    for number in rows.numbers:
        encoded(Number(number.name), rows.types[number.name], "x")  # says which types hold numbers
    for category in rows.categories:
        if rows.types[category.name] not in CATEGORY_TYPES:
            raise InDatabaseError(
                f"category {category.name!r} is {rows.types[category.name]}; allowed: "
                f"{', '.join(CATEGORY_TYPES)}. Cast it in the relation, or declare it a number."
            )
    target, is_number = rows.types[rows.target], (*WHOLE, *DOUBLES, "numeric")
    allowed = CATEGORY_TYPES if rows.classifies else is_number
    if target not in allowed:
        raise InDatabaseError(
            f"target {rows.target!r} is {target}; allowed for {rows.family}: {', '.join(allowed)}. Cast it "
            "in the relation, or choose another family."
        )
    if rows.weight is not None and rows.types[rows.weight] not in is_number:
        raise InDatabaseError(
            f"weight {rows.weight!r} is {rows.types[rows.weight]}; allowed: {', '.join(is_number)}."
        )
