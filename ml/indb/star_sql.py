"""The one statement that measures cofactors of a star without joining it: each piece a select over messages.

Belongs here: the pieces, and which of the numbers asked for each gives. Does not belong here: messages
(`ml.indb.star_messages`), running the statement or reading it (`ml.indb.star_scan`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from ml.indb.cofactor_sql import AGGREGATES, MOST_LEVELS, NULLS_AT_ONCE
from ml.indb.star_layout import Layout
from ml.indb.star_messages import Messages, Value

Target = tuple[int, ...]
"""A number by place, or a pair of them in order: whose sum it is."""


@dataclass(frozen=True)
class Piece:
    """A select of (keys text[], place, first, second, rows, refused, counted, sums text[]). `part`: "number",
    "level" (place: of the category), "pair" (place: of the pair of categories) or "check" (sums: rows of the
    key's join, distinct keys, facts, of the node at `place`). `targets`: of the sums. `node`: whose numbers
    it sums, None for the fact's.
    """

    part: str
    sql: str
    targets: tuple[Target, ...] = ()
    node: int | None = None


@dataclass(frozen=True)
class StarQuery:
    """What is measured of a star."""

    messages: Messages

    @property
    def layout(self) -> Layout:
        return self.messages.layout

    def pieces(self) -> list[Piece]:
        """In the order of their numbers in the statement."""
        return [*self._of_fact(), *self._of_dimensions(), *self._levels(), *self._pairs()]

    def sql(self, pieces: Sequence[Piece]) -> str:
        """One statement, one snapshot."""
        selects = "\nunion all\n".join(
            f"(select {at} as piece, one.* from (\n{piece.sql}\n) as one)" for at, piece in enumerate(pieces)
        )
        return "with " + ",\n".join(self.messages.ctes()) + "\n" + selects

    def _of_fact(self) -> Iterator[Piece]:
        own = self.layout.own
        values = {number: self.messages.own(number) for number in own}
        terms = [((number,), values[number]) for number in own]
        terms += [((i, j), values[i].times(values[j])) for at, i in enumerate(own) for j in own[at:]]
        terms = [(target, self.messages.weighed(value)) for target, value in terms]
        weight = ["w"] if self.layout.weight else []
        counts = (self.messages.counted, _nulls(own, "1", weight), "count(*)")
        yield from self._numbers(terms, self.messages.facts(own), counts, None)

    def _of_dimensions(self) -> Iterator[Piece]:
        messages, layout = self.messages, self.layout
        for at, node in enumerate(layout.nodes):
            if node.dimension is None:
                continue
            yield self._check(at)
            weighted = {number: messages.weighted(number) for number in node.numbers}
            values = {number: messages.own(number) for number in node.numbers}
            terms = [((number,), weighted[number]) for number in node.numbers]
            for place, i in enumerate(node.numbers):
                terms += [((i, j), weighted[i].times(values[j])) for j in node.numbers[place:]]
                terms += [(_both(i, j), messages.fact_sum(j).times(values[i])) for j in layout.own]
                for other in layout.crossed[at]:
                    numbers = layout.nodes[other].numbers
                    terms += [(_both(i, j), messages.pushed_sum(j).times(values[i])) for j in numbers]
            if terms:
                counts = ("0::bigint", _nulls(node.numbers, "n"), "0::bigint")
                yield from self._numbers(terms, f"w{at} as s", counts, at)

    def _numbers(
        self,
        terms: Sequence[tuple[Target, Value]],
        source: str,
        counts: tuple[str, str, str],
        node: int | None,
    ) -> Iterator[Piece]:
        """Sums over a source, with `counts`, of rows or their weight, of refused values and of rows that
        count, in the first piece of it.
        """
        for low in range(0, max(len(terms), 1), AGGREGATES):
            run = terms[low : low + AGGREGATES]
            sums = [f"sum({value.sql})::text" for _, value in run]
            rows, refused, counted = counts
            sql = self._select("0", "null::text", "null::text", rows, refused, sums, counted)
            counts = ("0::bigint", "0::bigint", "0::bigint")
            text = f"{sql}\nfrom {source}{self._split()}"
            yield Piece("number", text, tuple(target for target, _ in run), node)

    def _split(self) -> str:
        columns = ", ".join(self.messages.splits())
        return f"\ngroup by {columns}" if columns else ""

    def _check(self, at: int) -> Piece:
        sums = ["count(*)::text", "count(distinct q)::text", "coalesce(sum(n), 0)::text"]
        sql = self._select(str(at), "null::text", "null::text", "0::bigint", "0::bigint", sums)
        return Piece("check", f"{sql}\nfrom w{at} as s{self._split()}", node=at)

    def _levels(self) -> Iterator[Piece]:
        messages, layout = self.messages, self.layout
        for at, node in enumerate(layout.nodes):
            others = [number for other in layout.pushed[at] for number in layout.nodes[other].numbers]
            facts = [((number,), messages.fact_sum(number)) for number in layout.own]
            pushed = [((number,), messages.pushed_sum(number)) for number in others]
            if node.dimension is None:
                # A missing category is one too, and no join would find it: each message is read by itself.
                yield self._level_of(node.categories[0], f"m{at} as s", "sum(n)::bigint", facts)
                for other in layout.pushed[at]:
                    numbers = layout.nodes[other].numbers
                    sums = [((number,), messages.pushed_sum(number)) for number in numbers]
                    yield self._level_of(node.categories[0], f"t{at}_{other} as s", "0::bigint", sums)
            elif node.categories:
                own = [((number,), messages.weighted(number)) for number in node.numbers]
                sets = [(place, (place,)) for place in node.categories]
                yield self._grouped("level", f"w{at} as s", sets, [*facts, *own, *pushed])

    def _level_of(self, place: int, source: str, rows: str, terms: Sequence[tuple[Target, Value]]) -> Piece:
        sums = [f"sum({value.sql})::text" for _, value in terms]
        sql = self._select(str(place), "q::text", "null::text", rows, "0::bigint", sums)
        grouped = ", ".join([*self.messages.splits(), "q"])
        text = f"{sql}\nfrom {source}\ngroup by {grouped}\nlimit {MOST_LEVELS + 1}"
        return Piece("level", text, tuple(target for target, _ in terms))

    def _pairs(self) -> Iterator[Piece]:
        nodes = self.layout.nodes
        for at, node in enumerate(nodes):
            inner = self._placed(combinations(node.categories, 2))
            if inner:
                yield self._grouped("pair", f"w{at} as s", inner)
        for i, j in self.layout.pairs:
            sets = self._placed((a, b) for a in nodes[i].categories for b in nodes[j].categories)
            if sets:
                yield self._grouped("pair", self._both_nodes(i, j), sets)
        facts = [at for at, node in enumerate(nodes) if node.dimension is None]
        sets = self._placed(combinations([nodes[at].categories[0] for at in facts], 2))
        if sets:
            named = [*self.messages.splits(), *(f"q{at} as c{nodes[at].categories[0]}" for at in facts)]
            n = "w" if self.layout.weight else "1"
            source = f"(select {', '.join(named)}, {n} as n from {self.messages.facts((), facts)}) as s"
            yield self._grouped("pair", source, sets)

    def _placed(self, pairs: Iterable[Target]) -> list[tuple[int, Target]]:
        """Pairs of categories in order, each with its place among all."""
        order = {pair: at for at, pair in enumerate(combinations(range(len(self.layout.categories)), 2))}
        return [(order[pair], pair) for pair in (_both(*one) for one in pairs)]

    def _both_nodes(self, one: int, two: int) -> str:
        """Common facts of two nodes, with the categories of both."""
        listed, joins = [*self.messages.splits("p"), "p.n"], []
        for at in (one, two):
            node = self.layout.nodes[at]
            if node.dimension is None:
                listed.append(f"p.q{at} as c{node.categories[0]}")
            else:
                listed += [f"d{at}.c{place}" for place in node.categories]
                joins.append(f"join d{at} on d{at}.q = p.q{at}")
        return f"(select {', '.join(listed)} from p{one}_{two} as p {' '.join(joins)}) as s"

    def _grouped(
        self, part: str, source: str, sets: Sequence[tuple[int, Target]],
        terms: Sequence[tuple[Target, Value]] = (),
    ) -> Piece:  # fmt: skip
        """Facts and sums by one category, or by two in order; with each the place that it reports."""
        keys, place, first, second, grouping = self.messages.splits(), "case", "case", "case", []
        for at, one in sets:
            columns = [f"c{number}" for number in one]
            is_set = " and ".join(f"grouping({column}) = 0" for column in columns)
            place += f" when {is_set} then {at}"
            first += f" when {is_set} then {columns[0]}::text"
            second += f" when {is_set} then {columns[1]}::text" if len(columns) > 1 else ""
            grouping.append(f"({', '.join([*keys, *columns])})")
        second = f"{second} end" if second != "case" else "null::text"
        sums = [f"sum({value.sql})::text" for _, value in terms]
        sql = self._select(f"{place} end", f"{first} end", second, "sum(n)::bigint", "0::bigint", sums)
        text = (
            f"{sql}\nfrom {source}\ngroup by grouping sets ({', '.join(grouping)})\nlimit {MOST_LEVELS + 1}"
        )
        return Piece(part, text, tuple(target for target, _ in terms))

    def _select(
        self, place: str, first: str, second: str, rows: str, refused: str, sums: Sequence[str],
        counted: str = "0::bigint",
    ) -> str:  # fmt: skip
        keys = ", ".join(f"{key}::text" for key in self.messages.splits())
        return (
            f"select array[{keys}]::text[] as keys, {place} as place, {first} as first, {second} as second,\n"
            f"  {rows} as rows, {refused} as refused, {counted} as counted,\n"
            f"  array[{', '.join(sums)}]::text[] as sums"
        )


def _both(one: int, two: int) -> Target:
    return (min(one, two), max(one, two))


def _nulls(numbers: Sequence[int], times: str, more: Sequence[str] = ()) -> str:
    """How many values of facts were refused."""
    names = [*(f"v{at}" for at in numbers), *more]
    runs = [
        f"num_nulls({', '.join(names[low : low + NULLS_AT_ONCE])})"
        for low in range(0, len(names), NULLS_AT_ONCE)
    ]
    return f"coalesce(sum(({' + '.join(runs)}) * {times}), 0)::bigint" if runs else "0::bigint"
