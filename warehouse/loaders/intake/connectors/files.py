"""Files of a folder or of an S3 bucket: CSV, JSON lines and Parquet, plain, gzipped or in a zip.

The connection is a URI: `file:///data/shop`, or `s3://bucket/folder?region=…&endpoint_override=…`; S3's
credentials come from the environment, as everywhere. `read` is a glob below it. A file is read again only
when its modification time or size changed, or when an earlier load did not come to its end.

Belongs here: which files, and what is in a zip. Does not belong here: the formats (`file_formats`).
"""

from __future__ import annotations

import fnmatch
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from warehouse.client.errors import scrub
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake.batch import Batch
from warehouse.loaders.intake.connectors.file_formats import batches_of
from warehouse.loaders.intake.connectors.options import refuse_deletes
from warehouse.loaders.intake.declared import DeclaredSource, DeclaredTable

if TYPE_CHECKING:
    from pyarrow import fs

    from warehouse.client.settings import Secret


def read(
    source: DeclaredSource, table: DeclaredTable, connection: Secret | None, positions: Mapping[str, str]
) -> Iterator[Batch]:
    """Batches of every file that is new or changed, files in the order of their times and names.

    Raises:
        LoadError: no such folder or bucket, no file matches, a damaged or undecodable file.
    """
    refuse_deletes(source, table)
    filesystem, folder = _open(source, connection)
    for info in _matching(filesystem, folder, table):
        name = info.path[len(folder) :].lstrip("/")
        stamp = f"{info.mtime_ns or 0}/{info.size}"
        if positions.get(name) != stamp:
            yield from _file(filesystem, info, name, stamp, table)


def _open(source: DeclaredSource, connection: Secret | None) -> tuple[fs.FileSystem, str]:
    import pyarrow as pa
    from pyarrow import fs

    if connection is None:
        raise LoadError(
            f"source {source.name} has no connection", value="none",
            allowed="an environment variable with file:///folder or s3://bucket/folder",
            next_step="set `connection` in its declaration",
        )  # fmt: skip
    try:
        filesystem, folder = fs.FileSystem.from_uri(connection.reveal())
    except (pa.ArrowException, ValueError, OSError) as error:
        raise LoadError(
            f"source {source.name}: its connection is no usable address", value=scrub(str(error)),
            allowed="file:///folder or s3://bucket/folder", next_step=f"correct {source.connection}",
        ) from None  # fmt: skip
    return filesystem, folder.rstrip("/")


def _matching(filesystem: fs.FileSystem, folder: str, table: DeclaredTable) -> list[Any]:
    from pyarrow import fs

    try:
        found = filesystem.get_file_info(fs.FileSelector(folder, recursive=True))
    except OSError as error:
        raise LoadError(
            "the folder of a source cannot be read", value=scrub(f"{folder}: {error}"),
            allowed="an existing folder or bucket that may be listed", next_step="check its connection",
        ) from error  # fmt: skip
    files = [
        info
        for info in found
        if info.is_file and fnmatch.fnmatchcase(info.path[len(folder) :].lstrip("/"), table.read)
    ]
    if not files:
        raise LoadError(
            f"no file matches {table.read!r}", value=f"{len(found)} other entries in {folder}",
            allowed="at least one file", next_step="correct `read`, or bring the file",
        )  # fmt: skip
    return sorted(files, key=lambda info: (info.mtime_ns or 0, info.path))


def _file(
    filesystem: fs.FileSystem, info: Any, name: str, stamp: str, table: DeclaredTable
) -> Iterator[Batch]:
    """One file's batches; its stamp is kept with the last, so that a part of a file counts as none."""
    import pyarrow as pa

    last: Batch | None = None
    try:
        for batch in _contents(filesystem, info.path, name, table):
            if last is not None:
                yield last
            last = replace(batch, known_at=info.mtime)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, pa.ArrowInvalid) as error:
        raise LoadError(
            f"{name} cannot be read to its end", value=scrub(str(error)), allowed="a whole file",
            next_step="bring the file again; what was read of it stays and is not loaded twice",
        ) from error  # fmt: skip
    yield replace(last or Batch([], []), resume={name: stamp})


def _contents(filesystem: fs.FileSystem, path: str, name: str, table: DeclaredTable) -> Iterator[Batch]:
    lower = name.lower()
    if lower.endswith(".zip"):
        with filesystem.open_input_file(path) as packed, zipfile.ZipFile(packed) as archive:
            for member in sorted(archive.namelist()):
                if not member.endswith("/"):
                    with archive.open(member) as stream:
                        yield from batches_of(stream, member, f"{name}/{member}", table)
    elif lower.endswith(".gz"):
        with filesystem.open_input_stream(path, compression="gzip") as stream:
            yield from batches_of(stream, name[:-3], name, table)
    elif lower.endswith(".parquet"):
        with filesystem.open_input_file(path) as stream:
            yield from batches_of(stream, name, name, table)
    else:
        with filesystem.open_input_stream(path, compression=None) as stream:
            yield from batches_of(stream, name, name, table)
