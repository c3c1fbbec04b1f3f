"""Messages: what the fact has to say to each key of a dimension, as common table expressions.

By node i: `m<i>`, by key its facts and the sums of their numbers; `p<i>_<j>`, by two keys their common facts;
`d<i>`, a dimension's rows with each value computed once; `t<i>_<j>`, by key the sums of another dimension's
numbers; `w<i>`, all of it beside one another, one row a key. The fact is grouped, never joined (after
Schleich, Olteanu, Ciucanu, "Learning linear regression models over factorized joins", 2016).

Belongs here: their SQL. Does not belong here: what is summed over them (`ml.indb.star_sql`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ml.indb.cofactor_sql import BIGINT
from ml.indb.columns import Encoded
from ml.indb.star_layout import Layout
from warehouse.client.dialect import POSTGRES

ROOM = 2
"""Facts that were counted may grow by so many times before a sum would leave a bigint, which is an error and
never a wrong sum.
"""


@dataclass(frozen=True)
class Value:
    """A whole number in SQL and the largest size it can have; None where it is a NUMERIC."""

    sql: str
    limit: int | None

    def times(self, other: Value) -> Value:
        """Their product, as a bigint where it always fits into one."""
        if self.limit is not None and other.limit is not None:
            limit = self.limit * other.limit
            if limit < BIGINT:
                return Value(f"{self.sql} * {other.sql}", limit)
        return Value(f"{self.sql}::numeric * {other.sql}", None)

    def summed(self, rows: int) -> Value:
        """Its sum over so many rows."""
        if self.limit is not None and self.limit * rows < BIGINT:
            return Value(f"sum({self.sql})::bigint", self.limit * rows)
        return Value(f"sum({self.sql})", None)


@dataclass(frozen=True)
class Messages:
    """The common table expressions of one layout, and what the columns of `w<i>` can hold."""

    layout: Layout
    types: dict[str, str]
    """Postgres' type of the fact's columns."""

    @property
    def rows(self) -> int:
        return self.layout.rows * ROOM

    @property
    def count(self) -> Value:
        """Facts of a key, each as often as its weight says."""
        return Value("n", self.rows)

    @property
    def counted(self) -> str:
        """An aggregate of facts: how many they are, or their weight."""
        return "coalesce(sum(w), 0)::bigint" if self.layout.weight else "count(*)"

    def weighed(self, value: Value) -> Value:
        """A value of a fact, times its weight."""
        weight = self.layout.weight
        return value.times(Value("w", weight.limit)) if weight else value

    def fact_sum(self, number: int) -> Value:
        """The sum of one of the fact's numbers over the facts of a key."""
        return self._named(self._of_facts(number), f"s{number}")

    def own(self, number: int) -> Value:
        """A number of the dimension."""
        return self._value(number)

    def weighted(self, number: int) -> Value:
        """A number of the dimension times the facts of its key."""
        return self._named(self.count.times(self._value(number)), f"a{number}")

    def pushed_sum(self, number: int) -> Value:
        """The sum of another dimension's number over the facts of a key."""
        return self._named(self._summed_count(number), f"s{number}")

    def splits(self, table: str = "") -> list[str]:
        """The columns that split the rows."""
        prefix = f"{table}." if table else ""
        return [f"{prefix}k{at}" for at in range(len(self.layout.keys))]

    def ctes(self) -> Iterator[str]:
        """In an order in which each reads only those before it."""
        nodes = self.layout.nodes
        for at in range(len(nodes)):
            yield self._message(at)
            if nodes[at].dimension is not None:
                yield self._dimension(at)
        for one, two in self.layout.pairs:
            yield self._pair(one, two)
        for at, others in self.layout.pushed.items():
            for other in others:
                yield self._pushed(at, other)
        yield from (self._wide(at) for at in range(len(nodes)) if nodes[at].dimension is not None)

    def facts(self, numbers: Sequence[int] = (), nodes: Sequence[int] = ()) -> str:
        """The fact's rows: splitting keys k, numbers v, columns of nodes q."""
        star, layout = self.layout.star, self.layout
        listed = [f"{self._key(key)} as k{at}" for at, key in enumerate(layout.keys)]
        listed += [f"{layout.numbers[at].sql} as v{at}" for at in numbers]
        listed += [f"r.{POSTGRES.name_of(layout.nodes[at].column)} as q{at}" for at in nodes]
        listed += [f"{layout.weight.sql} as w"] if layout.weight else []
        where = "\nwhere w is distinct from 0" if layout.weight else ""
        return f"(select {', '.join(listed) or '1'}\n  from {star.fact} as r {POSTGRES.fence}) as s{where}"

    def _key(self, key: str) -> str:
        """As `ml.indb.cofactor_sql` splits rows: by the value, of NUMERIC by its text."""
        name = f"r.{POSTGRES.name_of(key)}"
        return f"{name}::text" if self.types.get(key) == "numeric" else name

    def _value(self, number: int) -> Value:
        one: Encoded = self.layout.numbers[number]
        return Value(f"v{number}", one.limit if one.decimals is not None else None)

    def _of_facts(self, number: int) -> Value:
        """All weights add up to the rows, so a sum of weighted values is as bounded as one of values."""
        value = self._value(number)
        product, summed = self.weighed(value).sql, value.summed(self.rows)
        return Value(f"sum({product}){'' if summed.limit is None else '::bigint'}", summed.limit)

    def _named(self, value: Value, name: str) -> Value:
        return Value(name, value.limit)

    def _summed_count(self, number: int) -> Value:
        """Every fact counts once, so the sum is at most all facts times the largest number."""
        value = self._value(number)
        if value.limit is not None and value.limit * self.rows < BIGINT:
            return Value(f"sum(p.n * d.v{number})::bigint", value.limit * self.rows)
        return Value(f"sum(p.n * d.v{number}::numeric)", None)

    def _message(self, at: int) -> str:
        own = self.layout.own
        sums = [f"{self._of_facts(number).sql} as s{number}" for number in own]
        listed = ", ".join([*self.splits(), f"q{at} as q", f"{self.counted} as n", *sums])
        grouped = ", ".join([*self.splits(), f"q{at}"])
        return f"m{at} as materialized (select {listed} from {self.facts(own, [at])}\n group by {grouped})"

    def _dimension(self, at: int) -> str:
        node = self.layout.nodes[at]
        assert node.dimension is not None
        listed = [f"r.{POSTGRES.name_of(node.dimension.key)} as q"]
        listed += [f"{self.layout.numbers[number].sql} as v{number}" for number in node.numbers]
        names = self.layout.categories
        listed += [f"r.{POSTGRES.name_of(names[place])} as c{place}" for place in node.categories]
        return f"d{at} as materialized (select {', '.join(listed)} from {node.dimension.relation} as r)"

    def _pair(self, one: int, two: int) -> str:
        grouped = ", ".join([*self.splits(), f"q{one}", f"q{two}"])
        return (
            f"p{one}_{two} as materialized (select {grouped}, {self.counted} as n from "
            f"{self.facts((), [one, two])}\n group by {grouped})"
        )

    def _pushed(self, at: int, other: int) -> str:
        numbers = self.layout.nodes[other].numbers
        sums = ", ".join(f"{self._summed_count(number).sql} as s{number}" for number in numbers)
        listed, grouped = (", ".join([*self.splits("p"), column]) for column in (f"p.q{at} as q", f"p.q{at}"))
        return (
            f"t{at}_{other} as materialized (select {listed}, {sums}\n"
            f" from p{min(at, other)}_{max(at, other)} as p join d{other} as d on d.q = p.q{other}\n"
            f" group by {grouped})"
        )

    def _wide(self, at: int) -> str:
        node, layout = self.layout.nodes[at], self.layout
        listed = [*self.splits("m"), "m.q", "m.n", *(f"m.s{number}" for number in layout.own)]
        listed += [f"d.v{number}, {self._weight(number)} as a{number}" for number in node.numbers]
        listed += [f"d.c{place}" for place in node.categories]
        joins = [f"from m{at} as m join d{at} as d on d.q = m.q"]
        for other in layout.pushed[at]:
            name = f"t{at}_{other}"
            listed += [f"{name}.s{number}" for number in layout.nodes[other].numbers]
            same = [f"{name}.q = m.q", *(f"{name}.{key} = m.{key}" for key in self.splits())]
            joins.append(f"join {name} on {' and '.join(same)}")
        return f"w{at} as materialized (select {', '.join(listed)}\n " + "\n ".join(joins) + ")"

    def _weight(self, number: int) -> str:
        return Value("m.n", self.rows).times(Value(f"d.v{number}", self._value(number).limit)).sql
