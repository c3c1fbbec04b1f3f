"""The columns that cofactors are measured of, and how each becomes exact numbers in SQL.

A number is measured as a whole number: the value times ten to the power of its `decimals`. Sums of whole
numbers do not depend on the order of rows or on parallel workers, which sums of doubles do. A double stands
for the shortest decimal that reads back to it: 0.1 is one tenth.

Belongs here: declarations, and one column's SQL. Does not belong here: aggregates (`ml.indb.cofactor_sql`).
"""

from __future__ import annotations

from dataclasses import dataclass

from ml.indb.errors import InDatabaseError
from warehouse.client.dialect import POSTGRES

BIGINT_PAIR = 3_037_000_499
"""The largest whole number whose square is a bigint."""

DOUBLE_WHOLE = 2**53
"""Up to here every whole number is a double."""

WHOLE = {"boolean": 1, "smallint": 2**15, "integer": 2**31, "bigint": BIGINT_PAIR}
"""Types of whole numbers, and the largest size that is taken without a declared limit."""

DOUBLES = ("double precision", "real")
MISSING = ("refuse", "indicator")
IS_MISSING = "__is_missing"


@dataclass(frozen=True)
class Number:
    """A column of numbers: a feature or a target.

    `decimals`: digits behind the point, None for whole-number types (0) and for NUMERIC or doubles of any
    size, which are summed as NUMERIC: exact as well, about five times slower. `limit`: the largest size,
    in the column's own unit; None is what a bigint can take. `rounded`: round to `decimals` where a value has
    more (halves to even, those of NUMERIC away from 0); otherwise such a value is refused. `missing`:
    "refuse", or "indicator", which measures 0 in its place and a second column `<name>__is_missing` of 0
    and 1.
    """

    name: str
    decimals: int | None = None
    limit: float | None = None
    missing: str = "refuse"
    rounded: bool = False

    def __post_init__(self) -> None:
        if self.missing not in MISSING:
            raise InDatabaseError(
                f"column {self.name!r}: missing is {self.missing!r}; allowed: {', '.join(MISSING)}."
            )
        if self.decimals is not None and not 0 <= self.decimals <= 15:
            raise InDatabaseError(
                f"column {self.name!r}: decimals is {self.decimals!r}; allowed: 0 to 15, or none."
            )
        if self.limit is not None and not 0 < self.limit < float("inf"):
            raise InDatabaseError(
                f"column {self.name!r}: limit is {self.limit!r}; allowed: a number above 0."
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured columns that come of it."""
        return (self.name, self.name + IS_MISSING) if self.missing == "indicator" else (self.name,)


@dataclass(frozen=True)
class Category:
    """A column of categories: text, whole numbers or truth values. Missing is a category of its own."""

    name: str


@dataclass(frozen=True)
class Weight:
    """A column that says how much a row counts: whole numbers, 0 (left out) or more, of up to `limit`;
    multiply fractions in the relation. With `is_count` a row stands for so many equal rows. Without, the rows
    stay as many as they are, and only their shares of the sums change: multiplying all weights changes
    nothing.
    """

    name: str
    limit: int = 1_000_000
    is_count: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.limit < BIGINT_PAIR:
            raise InDatabaseError(
                f"weight {self.name!r}: limit is {self.limit!r}; allowed: 1 to {BIGINT_PAIR}."
            )


@dataclass(frozen=True)
class Encoded:
    """One measured column in SQL: `sql` gives a whole number (bigint) or, where `decimals` is None, a
    NUMERIC; NULL where the value is refused. `limit`: the largest whole number it can give, None for
    NUMERIC.
    """

    name: str
    sql: str
    decimals: int | None
    limit: int | None


def encoded(number: Number, type_name: str, x: str) -> list[Encoded]:
    """The measured columns of a number, where `x` is the quoted column and `type_name` Postgres' name of its
    type without modifiers.

    Raises:
        InDatabaseError: the type holds no numbers, or the declared limit does not fit.
    """
    if type_name in WHOLE:
        one = _whole(number, type_name, x)
    elif number.decimals is not None and type_name in (*DOUBLES, "numeric"):
        one = _fixed(number, type_name, x)
    elif type_name in (*DOUBLES, "numeric"):
        one = Encoded(number.name, _numeric(number, type_name, x), None, None)
    else:
        raise InDatabaseError(
            f"column {number.name!r} is {type_name} where a number is needed; allowed: "
            f"{', '.join((*WHOLE, *DOUBLES, 'numeric'))}. Cast it in the relation, or declare it a category."
        )
    if number.missing != "indicator":
        return [one]
    filled = Encoded(one.name, f"case when {x} is null then 0 else {one.sql} end", one.decimals, one.limit)
    return [filled, Encoded(one.name + IS_MISSING, f"({x} is null)::int::bigint", 0, 1)]


def encoded_weight(weight: Weight, type_name: str) -> Encoded:
    """The weight of the relation's rows `r`: NULL where the weight is no whole number from 0 to its limit.

    Raises:
        InDatabaseError: the type holds no numbers.
    """
    if type_name == "boolean" or type_name not in (*WHOLE, *DOUBLES, "numeric"):
        raise InDatabaseError(
            f"weight {weight.name!r} is {type_name}; allowed: "
            f"{', '.join(name for name in (*WHOLE, *DOUBLES, 'numeric') if name != 'boolean')}."
        )
    x = f"r.{POSTGRES.name_of(weight.name)}"
    taken = f"{x} between 0 and {weight.limit}"
    if type_name not in WHOLE:
        taken += f" and {x} = trunc({x})"
    return Encoded(weight.name, f"case when {taken} then {x}::bigint end", 0, weight.limit)


def _whole(number: Number, type_name: str, x: str) -> Encoded:
    if type_name == "boolean":
        return Encoded(number.name, f"{x}::int::bigint", 0, 1)
    most = WHOLE[type_name] if number.limit is None else int(number.limit)
    if type_name != "bigint" and number.limit is None:
        return Encoded(number.name, f"{x}::bigint", 0, most)
    return Encoded(number.name, f"case when {x} between -{most} and {most} then {x}::bigint end", 0, most)


def _fixed(number: Number, type_name: str, x: str) -> Encoded:
    """Times ten to the power of the decimals. Dividing back tells whether that lost anything: the division
    rounds to the double nearest to the decimal, which is the value if and only if the value has no more
    digits.
    """
    power = 10 ** (number.decimals or 0)
    most = BIGINT_PAIR if number.limit is None else int(number.limit * power) + 1
    if most > DOUBLE_WHOLE:
        raise InDatabaseError(
            f"column {number.name!r}: limit {number.limit!r} with {number.decimals} decimals is {most} "
            f"steps; allowed: {DOUBLE_WHOLE}. Declare fewer decimals or none (decimals None sums as NUMERIC)."
        )
    if type_name == "numeric":
        scaled = f"{x} * {power}"
        back = f"round({scaled}) = {scaled}"
    else:
        value = x if type_name == "double precision" else f"{x}::text::float8"
        scaled = f"{value} * '{power}'::float8"
        back = f"round({scaled}) / '{power}'::float8 = {value}"
    condition = f"{x} between -{most}.0 / {power} and {most}.0 / {power}"
    if not number.rounded:
        condition += f" and {back}"
    return Encoded(number.name, f"case when {condition} then ({scaled})::bigint end", number.decimals, most)


def _numeric(number: Number, type_name: str, x: str) -> str:
    """As NUMERIC. A cast of a double to NUMERIC keeps 15 digits only; its text keeps every one of them."""
    kind = "numeric" if type_name == "numeric" else "float8"
    if number.limit is not None:
        condition = f"{x} between '-{number.limit!r}'::{kind} and '{number.limit!r}'::{kind}"
    else:  # NaN stands above infinity
        condition = f"{x} > '-Infinity'::{kind} and {x} < 'Infinity'::{kind}"
    value = x if type_name == "numeric" else f"{x}::text::numeric"
    return f"case when {condition} then {value} end"
