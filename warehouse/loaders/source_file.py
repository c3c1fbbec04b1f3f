"""Reading one source file into Arrow with the declared types, or saying exactly what is wrong with it.

Belongs here: bytes → typed, counted, checked Arrow rows. Does not belong: derived columns, the warehouse.
A file is read once; its SHA-256 is that of the very bytes that were parsed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.loaders.declaration import TYPES, LoadError, Table

if TYPE_CHECKING:
    import pyarrow as pa

NULLS = ("NA", "")
_CONVERSION = re.compile(
    r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to [^:]+: (.*)", re.DOTALL
)


@dataclass(frozen=True)
class SourceFile:
    """The bytes of one source file (a zip is still packed) and their hash."""

    path: Path
    content: bytes
    sha256: str

    @classmethod
    def open(cls, path: Path) -> SourceFile:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise LoadError(
                f"cannot read source file {path.name}",
                value=f"{path}: {error.strerror}",
                allowed="an existing, readable file",
                next_step="check the folder the source is read from",
            ) from error
        return cls(path, content, hashlib.sha256(content).hexdigest())

    def text(self) -> bytes:
        """The CSV bytes, unpacked where the file is a zip.

        Raises:
            LoadError: an empty file, a damaged zip, or a zip that holds anything but one file.
        """
        content = self.unzip() if self.path.suffix == ".zip" else self.content
        if not content.strip():
            raise LoadError(
                f"source file {self.path.name} is empty",
                value=f"{len(content)} bytes",
                allowed="a heading and at least one row",
                next_step="fetch the file again",
            )
        return content

    def unzip(self) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
                members = archive.namelist()
                if len(members) == 1:
                    return archive.read(members[0])
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
            raise LoadError(
                f"source file {self.path.name} is a damaged or truncated zip",
                value=f"{len(self.content)} bytes, {error}",
                allowed="a whole zip of one CSV file",
                next_step="fetch the file again",
            ) from error
        raise LoadError(
            f"source file {self.path.name} does not hold exactly one file",
            value=str(members),
            allowed="a zip of one CSV file",
            next_step="pack the CSV alone",
        )


def read_rows(file: SourceFile, table: Table) -> pa.Table:
    """The file's rows with the declared names and types, columns in the declared order.

    Raises:
        LoadError: missing, repeated or undeclared column; a value of the wrong type; a broken line; no rows.
    """
    content = file.text()
    headings = _headings(file, content)
    _check_headings(file, headings, table)
    rows = _parse(file, content, headings, table)
    _check_row_count(file, content, rows.num_rows)
    rows = rows.select([column.heading for column in table.columns])
    return rows.rename_columns([column.name for column in table.columns]).combine_chunks()


def _headings(file: SourceFile, content: bytes) -> list[str]:
    line = content.lstrip(b"\xef\xbb\xbf").split(b"\n", 1)[0]
    try:
        return next(csv.reader([line.decode("utf-8").rstrip("\r")]), [])
    except UnicodeDecodeError as error:
        raise LoadError(
            f"the heading of {file.path.name} is not UTF-8",
            value=repr(line),
            allowed="UTF-8 text",
            next_step="save the file as UTF-8",
        ) from error


def _check_headings(file: SourceFile, headings: list[str], table: Table) -> None:
    declared = [column.heading for column in table.columns]
    faults = {
        "misses column": [name for name in declared if name not in headings],
        "has undeclared column": [name for name in headings if name not in declared],
        "repeats column": sorted({name for name in headings if headings.count(name) > 1}),
    }
    for fault, names in faults.items():
        if names:
            raise LoadError(
                f"source file {file.path.name} {fault} {', '.join(names)}",
                value=", ".join(headings),
                allowed=", ".join(declared),
                next_step=f"correct the file, or the columns declared for {table.name}",
            )


def _parse(file: SourceFile, content: bytes, headings: list[str], table: Table) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    types = {column.heading: arrow_type(column.type) for column in table.columns}
    convert = arrow_csv.ConvertOptions(column_types=types, null_values=list(NULLS), strings_can_be_null=True)
    try:
        return arrow_csv.read_csv(pa.BufferReader(content), convert_options=convert)
    except pa.ArrowInvalid:
        pass
    try:  # again on one thread: only then does Arrow say which row it was
        return arrow_csv.read_csv(
            pa.BufferReader(content), arrow_csv.ReadOptions(use_threads=False), convert_options=convert
        )
    except pa.ArrowInvalid as error:
        raise _parse_error(file, headings, table, str(error)) from error


def _parse_error(file: SourceFile, headings: list[str], table: Table, message: str) -> LoadError:
    found = _CONVERSION.match(message)
    if not found:
        return LoadError(
            f"source file {file.path.name} has a broken line",
            value=message,
            allowed=f"{len(headings)} values a line",
            next_step="correct that line",
        )
    heading = headings[int(found[1])]
    kind = next(column.type for column in table.columns if column.heading == heading)
    line = f", line {found[2]}" if found[2] else ""
    return LoadError(
        f"source file {file.path.name}{line}: column {heading} holds a wrong type",
        value=found[3],
        allowed=f"{kind}, or empty or NA for no value",
        next_step="correct the value, or the type declared for the column",
    )


def _check_row_count(file: SourceFile, content: bytes, parsed: int) -> None:
    """Compare the parser's count with the file's lines: an open quote swallows lines without an error."""
    lines = content.count(b"\n") + (not content.endswith(b"\n"))
    if lines - 1 != parsed:
        lines = sum(1 for line in io.BytesIO(content) if line.strip())
    if lines - 1 != parsed:
        raise LoadError(
            f"source file {file.path.name}: lines and rows differ",
            value=f"{lines - 1} lines below the heading, {parsed} rows",
            allowed="one row a line",
            next_step="look for a quote that is never closed",
        )
    if parsed == 0:
        raise LoadError(
            f"source file {file.path.name} has no rows",
            value="a heading alone",
            allowed="at least one row",
            next_step="fetch the file again",
        )


def arrow_type(kind: str) -> pa.DataType:
    """The Arrow type of a declared type."""
    import pyarrow as pa

    return {"instant": pa.timestamp("us", "UTC"), "date": pa.date32(), "boolean": pa.bool_()}.get(
        kind
    ) or pa.type_for_alias(TYPES[kind][0])
