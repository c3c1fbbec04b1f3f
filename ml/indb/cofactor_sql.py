"""The one statement that measures cofactors: each part a select, all under one snapshot.

Numbers and their products are one scan. Each category adds its rows and sums by grouping sets, each pair of
categories its common rows; nothing is ever made into columns of zeros and ones.

Belongs here: SQL text. Does not belong here: running it or reading what comes back (`ml.indb.cofactor_scan`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from ml.indb.columns import Encoded
from warehouse.client.dialect import POSTGRES

AGGREGATES = 1_500
"""Sums in one select. Postgres carries at most 1,664 columns between the parallel workers and the end of an
aggregation; beyond this, another select scans again."""

MOST_NUMBERS = 1_000
"""Number columns of one statement: half a million products."""

MOST_LEVELS = 100_000
"""Categories, or observed pairs of them, that one part may give."""

BIGINT = 2**63
NULLS_AT_ONCE = 90
"""Arguments of one call of a function: Postgres takes 100."""


@dataclass(frozen=True)
class Query:
    """What is measured: `relation` is SQL that may stand behind FROM; `keys` are columns whose values split
    the rows, `numbers` and `categories` what is measured of each part; `types` of columns, where known.
    `weight` multiplies every row, rows themselves too.
    """

    relation: str
    keys: Sequence[str]
    numbers: Sequence[Encoded]
    categories: Sequence[str]
    types: Mapping[str, str] = field(default_factory=dict)
    weight: Encoded | None = None

    @property
    def sql(self) -> str:
        """Rows of (part, keys text[], place, first, second, rows, refused, counted, sums text[]).

        `rows` is the sum of weights, `counted` how many rows have one. part 'number': place counts the
        selects of products. part 'level': place is the category column, first its text. part 'pair': place
        counts pairs of category columns, first and second their texts.
        """
        parts = [self._products(place, run) for place, run in enumerate(self._runs())]
        if self.categories:
            parts.append(self._levels())
        if len(self.categories) > 1:
            parts.append(self._pairs())
        return "\nunion all\n".join(f"({part})" for part in parts)

    def pairs(self) -> list[tuple[int, int]]:
        """Places of numbers whose products are summed, in order."""
        count = len(self.numbers)
        return [(i, j) for i in range(count) for j in range(i, count)]

    def category_pairs(self) -> list[tuple[int, int]]:
        """Places of the category columns that part 'pair' counts together."""
        return list(combinations(range(len(self.categories)), 2))

    def _runs(self) -> list[list[tuple[int, int]]]:
        pairs, first = self.pairs(), AGGREGATES - len(self.numbers)  # the sums go with the first select
        rest = range(first, len(pairs), AGGREGATES)
        return [pairs[:first], *(pairs[at : at + AGGREGATES] for at in rest)]

    def _source(self, categories: bool, numbers: bool) -> str:
        """The rows with each value computed once, whatever refers to it."""
        keys = [f"{self._key(key)} as k{at}" for at, key in enumerate(self.keys)]
        values = [f"{one.sql} as v{at}" for at, one in enumerate(self.numbers) if numbers]
        texts = [
            f"r.{POSTGRES.name_of(name)} as c{at}" for at, name in enumerate(self.categories) if categories
        ]
        weight = [f"{self.weight.sql} as w"] if self.weight else []
        listed = ",\n    ".join([*keys, *values, *texts, *weight]) or "1"
        where = "\nwhere w is distinct from 0" if self.weight else ""
        return f"(select {listed}\n  from {self.relation} as r {POSTGRES.fence}) as s{where}"

    def _key(self, key: str) -> str:
        """Rows are split by the value itself, which is quicker than by its text, except for NUMERIC: 1.0 and
        1.00 are one value, whose text would depend on the row that came first.
        """
        name = f"r.{POSTGRES.name_of(key)}"
        return f"{name}::text" if self.types.get(key) == "numeric" else name

    def _keys(self) -> str:
        names = ", ".join(f"k{at}::text" for at in range(len(self.keys)))
        return f"array[{names}]::text[]"

    def _grouped(self) -> str:
        return f" group by {', '.join(f'k{at}' for at in range(len(self.keys)))}" if self.keys else ""

    def _refused(self) -> str:
        """How many values were refused: the statement goes on, and says so."""
        names = [f"v{at}" for at in range(len(self.numbers))] + (["w"] if self.weight else [])
        runs = [
            f"num_nulls({', '.join(names[low : low + NULLS_AT_ONCE])})"
            for low in range(0, len(names), NULLS_AT_ONCE)
        ]
        return f"coalesce(sum({' + '.join(runs)}), 0)::bigint" if runs else "0::bigint"

    def _products(self, place: int, run: list[tuple[int, int]]) -> str:
        sums = [self._sum(at) for at in range(len(self.numbers))] if place == 0 else []
        sums += [self._sum(i, j) for i, j in run]
        refused = self._refused() if place == 0 else "0::bigint"
        return (
            f"select 'number'::text as part, {self._keys()} as keys, {place} as place, null::text as first,\n"
            f"  null::text as second, {self._rows()} as rows, {refused} as refused,\n"
            f"  count(*) as counted, {_array(sums)} as sums\n"
            f"from {self._source(False, True)}{self._grouped()}"
        )

    def _sum(self, *places: int) -> str:
        """The sum of products of numbers and the weight, as text; NUMERIC where they may leave bigint."""
        factors = [f"v{at}" for at in places] + (["w"] if self.weight else [])
        used = [self.numbers[at] for at in places] + ([self.weight] if self.weight else [])
        is_numeric = any(one.decimals is None for one in used)
        if not is_numeric and math.prod(one.limit or BIGINT for one in used) >= BIGINT:
            factors[0] += "::numeric"
        return f"sum({' * '.join(factors)})::text"

    def _rows(self) -> str:
        return "coalesce(sum(w), 0)::bigint" if self.weight else "count(*)"

    def _levels(self) -> str:
        sums = [self._sum(at) for at in range(len(self.numbers))]
        return self._counted("level", [(at,) for at in range(len(self.categories))], sums)

    def _pairs(self) -> str:
        return self._counted("pair", self.category_pairs(), [])

    def _counted(self, part: str, sets: Sequence[tuple[int, ...]], sums: list[str]) -> str:
        """Rows and sums by each set of category columns."""
        keys = [f"k{at}" for at in range(len(self.keys))]
        grouping = ", ".join(f"({', '.join([*keys, *(f'c{at}' for at in one)])})" for one in sets)
        place, first, second = "case", "case", "case"
        for at, one in enumerate(sets):
            is_set = " and ".join(f"grouping(c{column}) = 0" for column in one)
            place += f" when {is_set} then {at}"
            first += f" when {is_set} then c{one[0]}::text"
            second += f" when {is_set} then c{one[-1]}::text" if len(one) > 1 else ""
        second = f"{second} end" if second != "case" else "null::text"
        return (
            f"select '{part}'::text, {self._keys()}, {place} end, {first} end,\n"
            f"  {second}, {self._rows()}, 0::bigint, count(*), {_array(sums)}\n"
            f"from {self._source(True, bool(sums))}\n"
            f"group by grouping sets ({grouping})\nlimit {MOST_LEVELS + 1}"
        )


def _array(sums: list[str]) -> str:
    return f"array[{', '.join(sums)}]::text[]"
