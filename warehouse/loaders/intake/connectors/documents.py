"""Documents of MongoDB to rows: values by dotted path, arrays unnested, the whole document kept as JSON.

Belongs here: one document at a time. Does not belong here: fetching documents (`mongodb`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from warehouse.loaders.intake.declared import DeclaredTable

WHOLE = "document"
"""A column of this name, of type jsonb or text, holds the whole document as canonical Extended JSON v2, which
tells every BSON type apart. As text it keeps the order of the fields too, which jsonb does not."""
ELEMENT, INDEX = "@", "@index"
"""Paths of an unnested element, and of its place in the array, from 0; `@1`, `@1index`, `@2` … where arrays
are unnested within one another."""

AS_THEY_ARE = {str, int, float, bool, dt.datetime}
"""Types that the casting knows; most values are of one."""


class NoArray(ValueError):
    """What should be unnested is no array."""


@dataclass(frozen=True)
class Shape:
    """How documents become rows of a table. `paths`: by column, where its value stands. `unnest`: arrays one
    within the other, outermost first; one row for each element of the innermost.
    """

    table: DeclaredTable
    paths: Mapping[str, str]
    unnest: Sequence[str]

    @classmethod
    def of(cls, table: DeclaredTable, paths: Mapping[str, str], unnest: Sequence[str]) -> Shape:
        """A column without a path stands under its own name: in the document, or in the element."""
        front = f"{ELEMENT}." if unnest else ""
        made = {
            column.name: paths.get(column.name, f"{front}{column.name}")
            for column in table.columns
            if column.name != WHOLE or column.name in paths
        }
        return cls(table, made, tuple(unnest))

    @cached_property
    def keeps_the_whole(self) -> bool:
        return any(column.name == WHOLE and WHOLE not in self.paths for column in self.table.columns)

    def rows(self, document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """For each row its place within the document ("" for the whole one), and its values.

        Raises:
            NoArray: a value to be unnested is there and is no array.
        """
        kinds = self._kinds
        for place, around in unnested(document, self.unnest):
            row = {name: plain(value_at(around, path), kinds[name]) for name, path in self.paths.items()}
            if self.keeps_the_whole:
                row[WHOLE] = canonical(document)
            elif not self.unnest:
                row.update(self._undeclared(document))
            yield place, row

    def _undeclared(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Fields no path begins with, so that the contract can tell of them."""
        return {name: plain(value, "") for name, value in document.items() if name not in self._known}

    @cached_property
    def _kinds(self) -> dict[str, str]:
        return {column.name: column.kind for column in self.table.columns}

    @cached_property
    def _known(self) -> set[str]:
        return {path.split(".")[0] for path in self.paths.values()} | {"_id"} | set(self.paths)


def unnested(document: Mapping[str, Any], arrays: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each element of the innermost array with the document around it; the document itself without arrays."""
    found = [("", dict(document))]
    for depth, path in enumerate(arrays, start=1):
        inner = path if depth == 1 else f"{ELEMENT}.{path}"
        found = [
            (f"{place}.{path}[{index}]",
             {**around, f"{ELEMENT}{depth}": element, f"{ELEMENT}{depth}index": index,
              ELEMENT: element, INDEX: index})
            for place, around in found
            for index, element in enumerate(_array(value_at(around, inner), path))
        ]  # fmt: skip
    yield from found


def _array(value: Any, path: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise NoArray(f"{path} is {type(value).__name__}, not an array")
    return value


def value_at(document: Any, path: str) -> Any:
    """The value at a dotted path, digits being places in arrays; None where there is none."""
    if type(document) is dict and "." not in path:
        return document.get(path)
    for part in path.split("."):
        if isinstance(document, Mapping):
            document = document.get(part)
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return document


def plain(value: Any, kind: str) -> Any:
    """A BSON value as the casting knows it: ObjectId as its hexadecimal text, Decimal128 as a Decimal, JSON
    as relaxed Extended JSON. What has no plain form stays, and is refused there.
    """
    if value is None or (kind != "json" and type(value) in AS_THEY_ARE):
        return value
    from bson import Decimal128, ObjectId
    from bson.json_util import RELAXED_JSON_OPTIONS, dumps

    if kind == "json" or isinstance(value, Mapping | list):
        return dumps(value, json_options=RELAXED_JSON_OPTIONS, ensure_ascii=False)
    if isinstance(value, ObjectId):
        return str(value)
    if isinstance(value, Decimal128):
        return value.to_decimal()
    return value


def canonical(document: Mapping[str, Any]) -> str:
    from bson.json_util import CANONICAL_JSON_OPTIONS, dumps

    return dumps(document, json_options=CANONICAL_JSON_OPTIONS, ensure_ascii=False)


def bound(value: Any, lookback_s: float) -> Any:
    """Where reading goes on from: the value, or `lookback_s` seconds before it where it tells an instant."""
    from bson import ObjectId

    back = dt.timedelta(seconds=lookback_s)
    if isinstance(value, dt.datetime):
        return value - back
    if isinstance(value, ObjectId):
        return ObjectId.from_datetime(value.generation_time - back)
    return value
