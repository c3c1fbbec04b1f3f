"""Artifacts in the registry: bytes under their sha256, kept once.

Belongs here: writing and reading them. Does not belong here: what they are (`ml.artifact`), versions
(`ml.registry_version`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml import artifact
from ml.registry_version import RegistryError

if TYPE_CHECKING:
    from warehouse.client import Warehouse

LARGE_BYTES = 5_000_000
"""BigQuery takes ten megabytes with a statement, in which bytes grow by a third: more goes as a load."""


def keep_artifact(wh: Warehouse, content: bytes, kind: str) -> None:
    """Store an artifact unless its bytes are there already; within the caller's transaction."""
    address = artifact.digest(content)
    row = {"sha256": address, "content": content, "format": kind, "size": len(content)}
    if wh.dialect == "bigquery" and len(content) > LARGE_BYTES:
        _load(wh, row)
        return
    wh.execute(
        "insert into ml.artifact (sha256, content, format, size_bytes) "
        "values (%(sha256)s, %(content)s, %(format)s, %(size)s) on conflict (sha256) do nothing",
        row,
    )


def _load(wh: Warehouse, row: dict[str, object]) -> None:
    import pyarrow as pa

    if wh.scalar("select count(*) from ml.artifact where sha256 = %(sha256)s", row):
        return
    columns = {"sha256": pa.string(), "content": pa.binary(), "format": pa.string(), "size_bytes": pa.int64()}
    values = [row["sha256"], row["content"], row["format"], row["size"]]
    arrays = [pa.array([value], kind) for value, kind in zip(values, columns.values(), strict=True)]
    wh.copy_arrow("ml", "artifact", pa.table(dict(zip(columns, arrays, strict=True))))


def artifact_content(wh: Warehouse, sha256: str) -> bytes:
    """The bytes of an artifact; `ml.artifact.load` verifies them before it reads any.

    Raises:
        RegistryError: no artifact has this address.
    """
    content = wh.scalar("select content from ml.artifact where sha256 = %(sha256)s", {"sha256": sha256})
    if content is None:
        raise RegistryError(f"no artifact has the address {sha256!r}. Train the model again.")
    return bytes(content)
