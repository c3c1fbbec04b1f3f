"""Which column of a star is measured where: the fact's own numbers, and the nodes that messages go to.

A node is a column of the fact that rows are grouped by: the key of a dimension, or one of the fact's own
categories, which is a dimension of nothing but its key. Belongs here: this order of things. Does not belong
here: SQL (`ml.indb.star_sql`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ml.indb.columns import Encoded
from ml.indb.star import Dimension, Star


@dataclass(frozen=True)
class Node:
    """`column` of the fact; `dimension` it is the key of, None for a category; by place among all measured
    numbers and categories, what is `numbers` and `categories` of it.
    """

    column: str
    dimension: Dimension | None
    numbers: tuple[int, ...]
    categories: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """A star, what is measured of it in order, the fact's columns `keys` that split the rows, and how many
    `rows` the fact has; with a `weight`, of the fact, the sum of it.
    """

    star: Star
    keys: tuple[str, ...]
    numbers: tuple[Encoded, ...]
    owners: tuple[int | None, ...]
    """By number, the place of its dimension; None for the fact."""

    categories: tuple[str, ...]
    rows: int
    weight: Encoded | None = None

    @property
    def own(self) -> tuple[int, ...]:
        """Places of the fact's own numbers."""
        return self._of(None)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Dimensions of which anything is measured, then the fact's categories."""
        owner = [self.star.dimension_of(name) for name in self.categories]
        places = range(len(self.categories))
        found = [
            Node(one.column_in_fact, one, self._of(at), tuple(p for p in places if owner[p] == at))
            for at, one in enumerate(self.star.dimensions)
        ]
        found = [node for node in found if node.numbers or node.categories]
        return (*found, *(Node(self.categories[p], None, (), (p,)) for p in places if owner[p] is None))

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Nodes whose common rows are counted: of two of the fact's categories they are counted later."""
        count = len(self.nodes)
        return tuple(
            (i, j) for i in range(count) for j in range(i + 1, count) if self.nodes[i].dimension is not None
        )

    @cached_property
    def pushed(self) -> dict[int, tuple[int, ...]]:
        """By node, the nodes whose numbers are summed by its key: every other one where it has categories;
        else, of two nodes with numbers, the one with fewer goes to the other.
        """
        found: dict[int, list[int]] = {at: [] for at in range(len(self.nodes))}
        for i, j in self.pairs:
            one, two = self.nodes[i], self.nodes[j]
            to = [at for at, other in ((i, two), (j, one)) if self.nodes[at].categories and other.numbers]
            if not to and one.numbers and two.numbers:
                to = [i if len(one.numbers) >= len(two.numbers) else j]
            for at in to:
                found[at].append(j if at == i else i)
        return {at: tuple(others) for at, others in found.items()}

    @cached_property
    def crossed(self) -> dict[int, tuple[int, ...]]:
        """By node, the nodes with whose numbers it multiplies its own: each pair once."""
        found: dict[int, list[int]] = {at: [] for at in range(len(self.nodes))}
        for i, j in self.pairs:
            if self.nodes[i].numbers and self.nodes[j].numbers:
                at, other = (i, j) if j in self.pushed[i] else (j, i)
                found[at].append(other)
        return {at: tuple(others) for at, others in found.items()}

    def _of(self, owner: int | None) -> tuple[int, ...]:
        return tuple(at for at, one in enumerate(self.owners) if one == owner)


def layout_of(
    star: Star, numbers: Sequence[Encoded], columns: Sequence[str], categories: Sequence[str],
    keys: Sequence[str], rows: int, weight: Encoded | None = None,
) -> Layout:  # fmt: skip
    """`columns`: by number, the star's column it is measured of (a missing indicator has that of its number).

    Raises:
        InDatabaseError: a column is not in the star.
    """
    owners = tuple(star.dimension_of(name) for name in columns)
    return Layout(star, tuple(keys), tuple(numbers), owners, tuple(categories), rows, weight)
