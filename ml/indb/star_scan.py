"""Cofactors of a star, measured without joining it: the same bits as those of the joined rows.

Sums over the join are sums over keys: Σ x·a = Σ_k a_k·(Σ x of the facts of k). All are whole numbers, or
NUMERIC, so the order in which they are added changes nothing. Belongs here: running the statement, putting
its pieces together. Does not belong here: its text (`ml.indb.star_sql`), the checks of keys
(`ml.indb.star_checks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from ml.indb.cofactor_scan import Measured, column_types, read_rows, weighted_by
from ml.indb.cofactor_sql import Query
from ml.indb.columns import Category, Number, Weight, encoded_weight
from ml.indb.declarations import declared_columns
from ml.indb.errors import InDatabaseError
from ml.indb.refusals import refuse_values, refuse_weights
from ml.indb.star_checks import check_star
from ml.indb.star_layout import Layout, layout_of
from ml.indb.star_messages import Messages
from ml.indb.star_sql import Piece, StarQuery
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from ml.indb.star import Star
    from warehouse.client import Warehouse

Row = dict[str, Any]


def measure_star(
    wh: Warehouse,
    star: Star,
    numbers: Iterable[Number],
    categories: Iterable[Category] = (),
    by: Sequence[str] = (),
    weight: Weight | None = None,
) -> Measured:
    """As `ml.indb.cofactor_scan.measure` of `star.joined`, and equal to it, bit for bit; `by` and the
    `weight` are columns of the fact. Keys are checked first, and again in the statement itself.

    Raises:
        InDatabaseError: as `measure`; a key that is missing, orphaned or repeated; rows changed meanwhile.
        WarehouseError: a relation or column does not exist, or the statement fails.
    """
    declared, named = list(numbers), [category.name for category in categories]
    weights = [weight.name] if weight else []
    split = [key for key in (*by, *weights) if star.dimension_of(key) is not None]
    if split:
        raise InDatabaseError(
            f"rows are split or weighted by {split}, of a dimension; allowed: columns of the fact: "
            f"{', '.join(star.columns)}. Take such a column into the fact's relation."
        )
    rows = check_star(wh, star)
    with wh.transaction():
        wh.execute("set local extra_float_digits = 1")  # a double's text then has all its digits
        return weighted_by(_measured(wh, star, declared, named, by, rows, weight), weight)


def _measured(
    wh: Warehouse, star: Star, declared: list[Number], named: list[str], by: Sequence[str], rows: int,
    weight: Weight | None,
) -> Measured:  # fmt: skip
    weights = [weight.name] if weight else []
    types = _types(wh, star, [*(one.name for one in declared), *named, *by, *weights])
    scale = encoded_weight(weight, types[weight.name]) if weight else None
    if scale is not None:
        refuse_weights(wh, star.fact, scale)
        rows = int(wh.scalar(f"select coalesce(sum({scale.sql}), 0) from {star.fact} as r"))
    columns = declared_columns(declared, named, types)
    names = [one.name for one in declared for _ in one.columns]
    layout = layout_of(star, columns, names, named, by, rows, scale)
    query = StarQuery(Messages(layout, types))
    pieces = query.pieces()
    text = query.sql(pieces)
    found = wh.query(text)
    for row in found:
        if row["refused"]:
            refuse_weights(wh, star.fact, scale)
            _refuse(wh, layout, pieces[row["piece"]].node, declared, types)
    made = read_rows(
        list(_merged(found, pieces, layout)),
        Query(star.fact, tuple(by), tuple(columns), tuple(named), types, scale),
        star.fact,
        types,
    )
    _refuse_changed(found, pieces, made)
    return replace(made, sql=text, bytes_out=sum(_size(row) for row in found))


def _types(wh: Warehouse, star: Star, names: Sequence[str]) -> dict[str, str]:
    """By column its type, each asked of the relation that has it."""
    owners = {name: star.dimension_of(name) for name in names}
    found: dict[str, str] = {}
    for owner in dict.fromkeys(owners.values()):
        relation = star.fact if owner is None else star.dimensions[owner].relation
        found |= column_types(wh, relation, [name for name in names if owners[name] == owner])
    return {name: found[name] for name in names}


def _merged(found: list[Row], pieces: Sequence[Piece], layout: Layout) -> Iterable[Row]:
    """The pieces as `ml.indb.cofactor_sql.Query` would have given them in one."""
    count = len(layout.numbers)
    singles = {(at,): at for at in range(count)}
    order = [(i, j) for i in range(count) for j in range(i, count)]
    both = singles | {pair: count + at for at, pair in enumerate(order)}
    made: dict[tuple[Any, ...], Row] = {}
    for row in found:
        piece = pieces[row["piece"]]
        if piece.part == "check":
            continue
        places = both if piece.part == "number" else singles
        width = {"number": len(both), "level": count, "pair": 0}[piece.part]
        name = (piece.part, *row["keys"], row["place"], row["first"], row["second"])
        whole = made.setdefault(name, _empty(piece.part, row, width))
        whole["rows"] += row["rows"]
        whole["counted"] += row["counted"]
        for target, text in zip(piece.targets, row["sums"], strict=True):
            whole["sums"][places[target]] = text
    return made.values()


def _empty(part: str, row: Row, width: int) -> Row:
    kept = {name: row[name] for name in ("keys", "place", "first", "second")}
    return {**kept, "part": part, "rows": 0, "counted": 0, "sums": [None] * width}


def _size(row: Row) -> int:
    """Bytes of text of a row."""
    parts = [row[part] for part in ("place", "first", "second", "rows")]
    return sum(len(str(part)) for part in parts) + sum(
        len(text or "") for text in (*row["sums"], *row["keys"])
    )


def _refuse_changed(found: list[Row], pieces: Sequence[Piece], made: Measured) -> None:
    """Whether, in the statement's own snapshot, every fact had its one row in each dimension."""
    for row in found:
        if pieces[row["piece"]].part == "check":
            joined, keys, facts = map(int, row["sums"])
            rows = made.groups[tuple(row["keys"])].rows
            if joined != keys or facts != rows:
                raise InDatabaseError(
                    f"measuring a star failed: {joined} rows of a dimension with {keys} distinct keys stand "
                    f"for {facts} of {rows} facts. Rows changed after the keys were checked: measure again."
                )


def _refuse(
    wh: Warehouse, layout: Layout, node: int | None, declared: list[Number], types: Mapping[str, str]
) -> NoReturn:
    """Raise for the first column, of the fact or of a node, with a value that its declaration does not
    take.
    """
    star, one = layout.star, None if node is None else layout.nodes[node].dimension
    if one is None:
        relation, columns = star.fact, star.columns
    else:
        key, there = POSTGRES.name_of(one.key), POSTGRES.name_of(one.column_in_fact)
        columns = one.columns
        relation = (
            f"(select d.* from {one.relation} as d where exists "
            f"(select from {star.fact} as f where f.{there} = d.{key}))"
        )
    refuse_values(wh, relation, [number for number in declared if number.name in columns], types)
