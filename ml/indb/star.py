"""A declared star: a fact, and dimensions that it refers to by keys.

Belongs here: what stands where, and the join that is otherwise never built. Does not belong here: checks of
its rows (`ml.indb.star_checks`), aggregates over it (`ml.indb.star_sql`).
"""

from __future__ import annotations

from dataclasses import dataclass

from ml.indb.errors import InDatabaseError
from warehouse.client.dialect import POSTGRES


@dataclass(frozen=True)
class Dimension:
    """A relation with one row for each value of `key`, to which the fact refers by its column `fact_key` (the
    same name, where none is given). `relation` is SQL that may stand behind FROM, `columns` what is taken of
    it, `name` how errors call it.
    """

    name: str
    relation: str
    key: str
    columns: tuple[str, ...]
    fact_key: str = ""

    @property
    def column_in_fact(self) -> str:
        """The fact's column that refers to it."""
        return self.fact_key or self.key


@dataclass(frozen=True)
class Star:
    """`fact` is SQL that may stand behind FROM; `columns` are what is taken of it itself: numbers,
    categories, the target, a fold.
    """

    fact: str
    columns: tuple[str, ...]
    dimensions: tuple[Dimension, ...]

    def __post_init__(self) -> None:
        owned = [*self.columns, *(column for one in self.dimensions for column in one.columns)]
        twice = sorted({name for name in owned if owned.count(name) > 1})
        if twice:
            raise InDatabaseError(
                f"columns {twice} stand twice in the star; allowed: each in the fact or in one dimension. "
                "Rename one of them in its relation."
            )
        empty = [one.name for one in self.dimensions if not one.columns]
        if empty or not self.dimensions:
            raise InDatabaseError(
                f"dimensions {empty}: no column is taken of them; allowed: one dimension or more, each with "
                "a column. Leave them out, or measure the fact alone."
            )

    @property
    def joined(self) -> str:
        """The same rows as one relation: every fact row with the columns of its dimensions."""
        name = POSTGRES.name_of
        listed = [f"f.{name(column)}" for column in self.columns]
        joins = []
        for at, one in enumerate(self.dimensions):
            listed += [f"d{at}.{name(column)}" for column in one.columns]
            joins.append(
                f"join {one.relation} as d{at} on d{at}.{name(one.key)} = f.{name(one.column_in_fact)}"
            )
        return f"(select {', '.join(listed)}\nfrom {self.fact} as f\n" + "\n".join(joins) + ")"

    def dimension_of(self, column: str) -> int | None:
        """The place of the dimension that has a column, None for the fact.

        Raises:
            InDatabaseError: none has it.
        """
        if column in self.columns:
            return None
        for at, one in enumerate(self.dimensions):
            if column in one.columns:
                return at
        have = [*self.columns, *(name for one in self.dimensions for name in one.columns)]
        raise InDatabaseError(f"column {column!r} is not in the star; allowed: {', '.join(have)}.")
