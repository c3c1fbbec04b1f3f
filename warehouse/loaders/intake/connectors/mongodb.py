"""Collections of MongoDB: documents as rows, whole or from the greatest cursor value seen.

The connection is `mongodb://user:password@host/database`; `read` names the collection. Without a `cursor` the
collection is read whole, in the order of `_id`; with one, from the greatest value seen, less `lookback_s`
seconds where it is a date or an ObjectId: a clock or a commit may have been late. Documents whose cursor is
missing or of another type come every time, so that none is passed over; those read twice are known.

    options: {paths: {city: address.city}}                         # a column's place, else its own name
    options: {unnest: [items], paths: {order_id: _id, item_no: "@index"}}   # a child table, a row an element

Belongs here: the queries sent. Does not belong here: what becomes of a document (`documents`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from warehouse.client.errors import scrub
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake.batch import Batch, Reject
from warehouse.loaders.intake.casting import cast
from warehouse.loaders.intake.connectors.documents import NoArray, Shape, bound, value_at
from warehouse.loaders.intake.connectors.options import need_connection, options_of
from warehouse.loaders.intake.declared import DeclaredSource, DeclaredTable

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.client.settings import Secret

DEFAULTS: dict[str, Any] = {
    "paths": {}, "unnest": [], "database": "", "lookback_s": 600.0, "timeout_s": 20.0, "batch_rows": 20_000,
    "batch_bytes": 32 << 20,
}  # fmt: skip
ADDRESS = "mongodb://user:password@host:port/database"


def read(
    source: DeclaredSource, table: DeclaredTable, connection: Secret | None, positions: Mapping[str, str]
) -> Iterator[Batch]:
    """Batches in the order of the cursor, or of `_id`.

    Raises:
        LoadError: no connection, no such collection, a server that does not answer.
    """
    from bson.json_util import loads

    chosen = options_of(source, table, DEFAULTS)
    shape = Shape.of(table, chosen["paths"], chosen["unnest"])
    path = shape.paths[table.cursor] if table.cursor else "_id"
    query: dict[str, Any] = {}
    if table.cursor and "" in positions:
        since = bound(loads(positions[""], json_options=_json_options()), float(chosen["lookback_s"]))
        # "not below" lets through what cannot be compared: a missing value, another type
        query = {path: {"$not": {"$lt": since}}}
    with _collection(source, table, connection, chosen) as collection:
        found = collection.find(query).sort(path, 1).batch_size(5_000)
        yield from _batches(found, shape, path if table.cursor else None, chosen)


def keys(source: DeclaredSource, table: DeclaredTable, connection: Secret | None) -> pa.Table:
    """The keys that are in the collection now."""
    import pyarrow as pa

    chosen = options_of(source, table, DEFAULTS)
    shape = Shape.of(table, chosen["paths"], chosen["unnest"])
    tops = {shape.paths[name].split(".")[0] for name in table.key}
    tops = {top for top in tops if not top.startswith("@")} | {
        path.split(".")[0] for path in shape.unnest[:1]
    }
    values: dict[str, list[Any]] = {name: [] for name in table.key}
    with _collection(source, table, connection, chosen) as collection:
        for raw in collection.find({}, dict.fromkeys(tops, 1)):
            rows, _ = _rows(raw, shape, "")
            for _, row in rows:
                for name in table.key:
                    values[name].append(row.get(name))
    kinds = {column.name: column.kind for column in table.columns}
    made = {name: cast(found, kinds[name], table.zone)[0] for name, found in values.items()}
    return pa.table(made).drop_null()


@contextmanager
def _collection(
    source: DeclaredSource, table: DeclaredTable, connection: Secret | None, chosen: Mapping[str, Any]
) -> Iterator[Any]:
    """The collection, its documents as the bytes they came in; errors as LoadError without the password."""
    from bson.codec_options import CodecOptions
    from bson.raw_bson import RawBSONDocument
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    address = need_connection(source, connection, ADDRESS).reveal()
    try:
        waiting = int(float(chosen["timeout_s"]) * 1000)
        with MongoClient(address, serverSelectionTimeoutMS=waiting, tz_aware=True) as client:
            name = chosen["database"] or client.get_default_database("").name
            database = client.get_database(name)
            if table.read not in database.list_collection_names():
                raise LoadError(
                    f"source {source.name} has no such collection", value=f"{name}.{table.read}",
                    allowed="a collection the login may read", next_step="correct `read` of the table",
                )  # fmt: skip
            yield database.get_collection(table.read, CodecOptions(document_class=RawBSONDocument))
    except PyMongoError as error:
        secret = unquote(urlsplit(address).password or "")
        raise LoadError(
            f"source {source.name}: the server of documents", value=scrub(str(error), secret),
            allowed="an answer", next_step=f"check {source.connection}; what was loaded stays",
        ) from None  # fmt: skip


def _batches(found: Any, shape: Shape, path: str | None, chosen: Mapping[str, Any]) -> Iterator[Batch]:
    from bson.json_util import dumps

    kinds = {column.name: column.kind for column in shape.table.columns}
    kind = kinds[shape.table.cursor] if shape.table.cursor else ""
    rows: list[tuple[str, dict[str, Any]]] = []
    rejects: list[Reject] = []
    resume: dict[str, str] = {}
    size = 0
    for number, raw in enumerate(found, start=1):
        made, newest = _rows(raw, shape, f"{shape.table.read}: document {number}", path, rejects)
        rows += made
        size += len(raw.raw)
        if path and _tells_progress(newest, kind):
            # they come in ascending order
            resume = {"": dumps(newest, json_options=_json_options())}
        if len(rows) + len(rejects) >= chosen["batch_rows"] or size >= chosen["batch_bytes"]:
            yield Batch([row for _, row in rows], [place for place, _ in rows], resume, rejects)
            rows, rejects, size = [], [], 0
    if rows or rejects or resume:
        yield Batch([row for _, row in rows], [place for place, _ in rows], resume, rejects)


def _rows(
    raw: Any, shape: Shape, place: str, path: str | None = None, rejects: list[Reject] | None = None
) -> tuple[list[tuple[str, dict[str, Any]]], Any]:
    """A document's rows with their places, and its cursor value; what cannot be read goes to the rejects."""
    import bson
    from bson.errors import BSONError

    document: dict[str, Any] = {}
    try:
        document = bson.decode(raw.raw, _codec())
        place = f"{shape.table.read}: _id {document.get('_id')}" if "_id" in document else place
        made = [(place + within, row) for within, row in shape.rows(document)]
    except (BSONError, NoArray, UnicodeDecodeError, RecursionError) as error:
        if rejects is not None:
            rejects.append(
                Reject(place, f"the document cannot be read: {error}", None, {"bson": raw.raw.hex()})
            )
        made = []
    return made, value_at(document, path) if path else None


def _tells_progress(value: Any, kind: str) -> bool:
    """Whether a cursor value is of the declared kind; a value of another type is no place to go on from."""
    from bson import Decimal128, ObjectId

    if isinstance(value, bool):
        return False
    return isinstance(value, {
        "instant": dt.datetime, "date": dt.datetime, "text": (str, ObjectId),
    }.get(kind, (int, float, Decimal128)))  # fmt: skip


@cache
def _codec() -> Any:
    from bson.codec_options import CodecOptions, DatetimeConversion

    return CodecOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO)


def _json_options() -> Any:
    from bson.json_util import CANONICAL_JSON_OPTIONS

    return CANONICAL_JSON_OPTIONS.with_options(tz_aware=True)
