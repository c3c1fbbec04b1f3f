"""Where a statement's tables are: schemas of the house become datasets, as the last step before it is sent.

Belongs here: names in the text of a statement, and large values set aside. Does not belong here: what the
statement means (`warehouse.client.googlesql`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from warehouse.client.bigquery.place import BigQueryPlace

BEFORE_A_TABLE = {"INTO", "TABLE", "VIEW", "UPDATE", "MERGE", "MODEL", "EXISTS", "CLONE", "COPY", "DELETE",
                  "SCHEMA"}  # fmt: skip
BEGINS_A_LIST = {"FROM", "JOIN", "USING"}
ENDS_A_LIST = {"SELECT", "WHERE", "GROUP_BY", "ORDER_BY", "HAVING", "ON", "SET", "VALUES", "WINDOW",
               "QUALIFY", "UNION", "LIMIT", "WHEN", "WITH", "EXCEPT", "INTERSECT"}  # fmt: skip
FROM_WITHIN = {"EXTRACT", "TRIM", "LTRIM", "RTRIM", "SUBSTRING"}
"""Functions in whose parentheses FROM begins no list of tables."""
NAMES = {"IDENTIFIER", "VAR"}


class Chain(NamedTuple):
    """A dotted name: its parts, where it stands in the text, and whether a table may stand there."""

    parts: tuple[str, ...]
    start: int
    end: int
    is_table: bool


def placed(text: str, place: BigQueryPlace, values: Mapping[str, str] | None = None) -> str:
    """The statement with each `schema`.`table` as `<prefix>_schema`.`table`, and each text literal that
    marks a large value as the parameter `values` names for it.

    A name is a table's where a table may stand, or where it begins with a table's and goes on to a column.
    """
    tokens = list(_tokens(text))
    chains = list(_chains(tokens))
    tables = {chain.parts[:2] for chain in chains if chain.is_table and len(chain.parts) > 1}
    changes = [
        (token.start, token.end, f"@{values[token.text]}")
        for token in tokens
        if values and token.token_type.name == "STRING" and token.text in values
    ]
    for chain in chains:
        is_column = not chain.is_table and len(chain.parts) > 2 and chain.parts[:2] in tables
        if (chain.is_table or is_column) and chain.parts[0] != place.project:
            names = (place.dataset_of(chain.parts[0]), *chain.parts[1:])
            changes.append((chain.start, chain.end, ".".join(f"`{name}`" for name in names)))
    for start, end, written in sorted(changes, reverse=True):
        text = text[:start] + written + text[end + 1 :]
    return text


def tables_in(text: str) -> set[str]:
    """The dotted names of the tables a statement names, schemas as the house names them."""
    return {
        ".".join(one.parts[:2]) for one in _chains(list(_tokens(text))) if one.is_table and len(one.parts) > 1
    }


def _tokens(text: str) -> Any:
    from sqlglot.dialects import BigQuery

    return BigQuery().tokenize(text)


def _chains(tokens: Sequence[Any]) -> Iterator[Chain]:
    """Every dotted name, and the single one of a schema, in order."""
    kinds = [token.token_type.name for token in tokens]
    aliases = {tokens[at + 1].text for at, kind in enumerate(kinds[:-1]) if kind == "ALIAS"}
    levels, position = [_Level("")], 0
    while position < len(tokens):
        kind, before = kinds[position], kinds[position - 1] if position else ""
        if kind == "L_PAREN":
            levels.append(_Level(tokens[position - 1].text.upper() if position else "", levels[-1].in_list))
        elif kind == "R_PAREN" and len(levels) > 1:
            levels.pop()
        elif kind in NAMES:
            last = _last(kinds, position)
            parts = tuple(tokens[at].text for at in range(position, last + 1, 2))
            if len(parts) > 1 or _names_a_schema(tokens, kinds, position):
                is_function = kind == "VAR" and kinds[last + 1 : last + 2] == ["L_PAREN"]
                stands = levels[-1].takes_table(before, is_function, parts[0] in aliases)
                yield Chain(parts, tokens[position].start, tokens[last].end, stands)
            position = last
        else:
            levels[-1].read(kind, before)
        position += 1


def _names_a_schema(tokens: Sequence[Any], kinds: Sequence[str], position: int) -> bool:
    """Behind SCHEMA, or SCHEMA IF [NOT] EXISTS."""
    is_behind = bool(position) and kinds[position - 1] in ("SCHEMA", "EXISTS")
    return (
        is_behind
        and "SCHEMA" in kinds[max(position - 4, 0) : position]
        and tokens[position].text.upper() != "IF"
    )


class _Level:
    """What is being read between two parentheses; `word` stands before the first, `was_in_list`: among
    tables.
    """

    def __init__(self, word: str, was_in_list: bool = False) -> None:
        self._word, self._was_in_list, self.in_list = word, was_in_list, False

    def read(self, kind: str, before: str) -> None:
        if kind in ENDS_A_LIST:
            self.in_list = False
        elif kind in BEGINS_A_LIST:
            self.in_list = before != "DISTINCT" and self._word not in FROM_WITHIN

    def takes_table(self, before: str, is_function: bool, is_alias: bool) -> bool:
        """Whether a dotted name behind a token of this kind is a table's."""
        if before in BEFORE_A_TABLE:
            return True
        if before == "L_PAREN":  # a join in parentheses, `FROM (a.b JOIN c.d …)`, begins with a table
            return self._was_in_list and self._word in BEGINS_A_LIST - {"USING"}
        if before == "COMMA":
            return self.in_list and not is_function and not is_alias
        return before in BEGINS_A_LIST and self.in_list and not is_function


def _last(kinds: Sequence[str], position: int) -> int:
    """The place of a dotted name's last part. A part behind a point may be any word."""
    while position + 2 < len(kinds) and kinds[position + 1] == "DOT" and kinds[position + 2] != "STAR":
        position += 2
    return position
