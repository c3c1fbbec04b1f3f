"""Bytes of one file to batches: CSV with every value as text, JSON lines as dicts, Parquet with its types.

Belongs here: the formats, and rows that cannot be made out. Does not belong here: finding and unpacking
files.
"""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake.batch import Batch, Numbered, Reject
from warehouse.loaders.intake.connectors.json_text import object_of
from warehouse.loaders.intake.connectors.pacing import Joined, Paced
from warehouse.loaders.intake.declared import DeclaredTable

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
BLOCK_BYTES = 8 << 20
PARQUET_BUFFER_BYTES = 1 << 20
BATCH_ROWS = 100_000
BOM = b"\xef\xbb\xbf"


def batches_of(stream: IO[bytes], name: str, place: str, table: DeclaredTable) -> Iterator[Batch]:
    """Batches of an open file; `name` tells the format by its suffix, `place` goes into positions.

    Raises:
        LoadError: a suffix of no known format; a heading with a repeated or empty name.
    """
    lower = name.lower()
    if lower.endswith((".csv", ".tsv")):
        yield from _csv(stream, place, "\t" if lower.endswith(".tsv") else ",", table)
    elif lower.endswith((".jsonl", ".ndjson")):
        yield from _json_lines(stream, place)
    elif lower.endswith(".parquet"):
        yield from _parquet(stream, place)
    else:
        raise LoadError(
            f"{place}: no known format", value=name,
            allowed=", ".join(SUFFIXES) + ", each also .gz or in a .zip",
            next_step="narrow `read` to files of these kinds",
        )  # fmt: skip


def _csv(stream: IO[bytes], place: str, comma: str, table: DeclaredTable) -> Iterator[Batch]:
    """Values stay text. A line with another number of values is a reject; an empty value without quotes is
    missing.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    comma = table.options.get("delimiter", comma)
    first, rest = _first_line(stream)
    if not first.strip():
        return
    names = _heading(first, comma, place)
    broken: list[Any] = []

    def keep(row: Any) -> str:
        broken.append(row)
        return "skip"

    parse = arrow_csv.ParseOptions(delimiter=comma, newlines_in_values=True, invalid_row_handler=keep)
    convert = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.binary()), strings_can_be_null=True,
        null_values=list(table.options.get("null_values", [""])), quoted_strings_can_be_null=False,
    )  # fmt: skip
    options = arrow_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=names)
    try:
        opened = pa.PythonFile(io.BufferedReader(rest, 1 << 20), mode="r")
        reader = arrow_csv.open_csv(opened, options, parse, convert)
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return
        raise
    row, lines = 0, 0
    for block in rest.blocks(reader):
        rejects, lines = _broken_lines(broken, place, lines)
        yield _decoded(pa.Table.from_batches([block]), place, row, rejects)
        row += block.num_rows
    if broken:
        yield Batch([], [], rejects=_broken_lines(broken, place, lines)[0])


def _broken_lines(broken: list[Any], place: str, before: int) -> tuple[list[Reject], int]:
    """Lines the parser skipped, taken from its list, and how many there were so far."""
    rejects = [
        Reject(
            f"{place}: broken line {before + at + 1}",
            f"the line has {fault.actual_columns} values where the heading has {fault.expected_columns}",
            None,
            {"line": fault.text},
        )
        for at, fault in enumerate(broken)
    ]
    broken.clear()
    return rejects, before + len(rejects)


def _first_line(stream: IO[bytes]) -> tuple[bytes, Paced]:
    """The heading, without a byte order mark, and the rest as a stream."""
    head = b""
    while b"\n" not in head:
        more = stream.read(1 << 16)
        if not more:
            break
        head += more
    line, _, tail = head.partition(b"\n")
    return line.removeprefix(BOM).rstrip(b"\r"), Paced(tail, stream, BLOCK_BYTES)


def _heading(line: bytes, comma: str, place: str) -> list[str]:
    try:
        names = next(csv.reader([line.decode("utf-8")], delimiter=comma), [])
    except UnicodeDecodeError:
        names = []
    if not names or "" in names or len(set(names)) < len(names):
        raise LoadError(
            f"{place}: the heading cannot be used", value=repr(line[:200]),
            allowed="distinct, non-empty names in UTF-8", next_step="correct the first line",
        )  # fmt: skip
    return names


def _decoded(block: pa.Table, place: str, first: int, rejects: list[Reject]) -> Batch:
    """Bytes as text; rows whose bytes are no UTF-8 become rejects."""
    import pyarrow as pa

    try:
        rows = pa.table({name: block[name].cast(pa.string()) for name in block.column_names})
        return Batch(rows, _positions(place, first, block.num_rows), rejects=rejects)
    except pa.ArrowInvalid:
        pass
    good, positions = [], []
    for at, row in enumerate(block.to_pylist()):
        try:
            good.append({k: None if v is None else v.decode("utf-8") for k, v in row.items()})
            positions.append(f"{place}: row {first + at + 1}")
        except UnicodeDecodeError:
            shown = {k: None if v is None else v.decode("utf-8", "backslashreplace") for k, v in row.items()}
            rejects.append(Reject(f"{place}: row {first + at + 1}", "its bytes are no UTF-8", None, shown))
    schema = pa.schema([(name, pa.string()) for name in block.column_names])
    return Batch(pa.Table.from_pylist(good, schema), positions, rejects=rejects)


def _positions(place: str, first: int, count: int) -> Numbered:
    return Numbered(f"{place}: row ", range(first + 1, first + 1 + count))


def _json_lines(stream: IO[bytes], place: str) -> Iterator[Batch]:
    rows: list[dict[str, Any]] = []
    numbers = array("q")
    rejects: list[Reject] = []
    size = 0
    for number, line in enumerate(io.BufferedReader(Joined(b"", stream), 1 << 20), start=1):
        text = line.removeprefix(BOM) if number == 1 else line
        if not text.strip():
            continue
        try:
            rows.append(object_of(text))
            numbers.append(number)
            size += len(text)
        except (ValueError, RecursionError) as error:
            shown = text[:100_000].decode("utf-8", "backslashreplace")
            at = f"{place}: line {number}"
            rejects.append(Reject(at, f"the line is no JSON object: {error}", None, {"line": shown}))
        if size >= BLOCK_BYTES or len(rows) >= BATCH_ROWS:
            yield Batch(rows, Numbered(f"{place}: line ", numbers), rejects=rejects)
            rows, numbers, rejects, size = [], array("q"), [], 0
    if rows or rejects:
        yield Batch(rows, Numbered(f"{place}: line ", numbers), rejects=rejects)


def _parquet(stream: IO[bytes], place: str) -> Iterator[Batch]:
    import pyarrow as pa
    from pyarrow import parquet

    first = 0
    for part in parquet.ParquetFile(stream, pre_buffer=False, buffer_size=PARQUET_BUFFER_BYTES).iter_batches(
        batch_size=BATCH_ROWS
    ):
        yield Batch(pa.Table.from_batches([part]), _positions(place, first, part.num_rows))
        first += part.num_rows
