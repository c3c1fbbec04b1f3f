"""Connectors: one module a kind of source, each a function from a declared table to batches of its rows.

    def read(source, table, connection, positions) -> Iterator[Batch]

`connection` is the value of the environment variable that the declaration names (a `Secret`, None where it
names none); `positions` tell by part of the source how far earlier loads came. A connector that can list the
keys a source has now also has `keys(source, table, connection) -> pa.Table`; one of a stream also has
`follow(source, table, connection, positions, stop) -> Iterator[Batch]`, which goes on until `stop()`.

Belongs here: the registry. Does not belong here: what happens to a batch.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from warehouse.loaders.declaration import LoadError

MODULES = {
    "files": "files", "s3": "files", "postgres": "postgres", "mongodb": "mongodb", "http": "http",
    "kafka": "kafka", "kinesis": "kinesis",
}  # fmt: skip
STREAMS = ("kafka", "kinesis")
"""Kinds whose connector can also `follow` its source without an end."""


def connector(kind: str) -> ModuleType:
    """The module of a kind; its libraries are imported only now.

    Raises:
        LoadError: there is no such kind.
    """
    if kind not in MODULES:
        raise LoadError(
            "no connector of this kind", value=kind, allowed=", ".join(MODULES), next_step="name one of these"
        )
    return import_module(f"{__name__}.{MODULES[kind]}")
