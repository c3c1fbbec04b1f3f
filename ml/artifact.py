"""A model document, or the fitted object it came from, as bytes and back, under its sha256 as address.

The document is what scores; its bytes are its canonical text. The fitted object is kept beside it as skops,
through an exact allow-list of types, so that it can be read again. Belongs here: dump and load, and every
check before a byte is parsed. Does not belong here: where the bytes
are kept (`ml.registry`). Never pickle, joblib or cloudpickle.

skops writes memory addresses, random file names and the time into its archive, so the same model would have
another hash in each process. `dump` renumbers and repacks it: the same fit gives the same bytes anywhere, and
one address. LightGBM travels as its own model text, whose floats round-trip: predictions after `load` have
the same bits.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ml.artifact_types import NODES, TYPES

if TYPE_CHECKING:
    from ml.document import Document

FORMAT = "skops"
DOCUMENT_FORMAT = "document"
MAX_BYTES = 256 * 2**20
MAX_UNPACKED_BYTES = 4 * 2**30
_EPOCH = (1980, 1, 1, 0, 0, 0)
_SCHEMA = "schema.json"


class ArtifactError(RuntimeError):
    """The bytes are not what was registered, or hold what no fitted model of this project holds."""


def load_document(content: bytes, sha256: str) -> Document:
    """The document of `content`, whose address must be `sha256`.

    Raises:
        ArtifactError: another hash, or no document of this version.
    """
    from ml.document import Document, DocumentError

    _check_digest(content, sha256)
    try:
        return Document.from_text(content)
    except DocumentError as error:
        raise ArtifactError(f"the artifact {sha256} is no usable document: {error}") from error


def digest(content: bytes) -> str:
    """The address of an artifact: its sha256 in lower-case hex."""
    return hashlib.sha256(content).hexdigest()


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    # An explicit stack: a deep forest of lists must not meet Python's recursion limit.
    stack = [schema]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(reversed(item.values()))
        elif isinstance(item, list):
            stack.extend(reversed(item))


def _check_types(schema: Any) -> None:
    found: set[str] = set()
    for node in _nodes(schema):
        # Any of the three marks makes skops treat a mapping as something to construct.
        if not node.keys() & {"__class__", "__module__", "__loader__"}:
            continue
        name = f"{node.get('__module__')}.{node.get('__class__')}"
        if name not in TYPES:
            found.add(f"type {name}")
        if node.get("__loader__") not in NODES:
            found.add(f"node {node.get('__loader__')} (of {name})")
    if found:
        raise ArtifactError(
            f"the artifact holds {', '.join(sorted(found))}; allowed are the types listed in "
            "ml/artifact_types.py. If an algorithm of this project really stores it, add it there by its "
            "full name; if not, do not load it."
        )


def _read_schema(archive: zipfile.ZipFile) -> dict[str, Any]:
    from skops.io._protocol import PROTOCOL

    size = sum(entry.file_size for entry in archive.infolist())
    if size > MAX_UNPACKED_BYTES:
        raise ArtifactError(
            f"the artifact unpacks to {size} bytes; allowed: {MAX_UNPACKED_BYTES}. Fit a smaller model."
        )
    try:
        schema = json.loads(archive.read(_SCHEMA))
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ArtifactError(
            f"the artifact has no readable {_SCHEMA}: {error}. Register the model again."
        ) from error
    if not isinstance(schema, dict) or schema.get("protocol") != PROTOCOL:
        # Older protocols bring other constructors into play than the ones listed.
        protocol = schema.get("protocol") if isinstance(schema, dict) else None
        raise ArtifactError(
            f"the artifact has protocol {protocol!r}; allowed: {PROTOCOL}. Train the model again."
        )
    return schema


def _open(content: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, OSError) as error:
        raise ArtifactError(f"the artifact is no skops archive: {error}. Train the model again.") from error


def _canonical(content: bytes) -> bytes:
    with _open(content) as archive:
        schema = _read_schema(archive)
        numbers: dict[int, int] = {}
        files: dict[str, str] = {}
        for node in _nodes(schema):
            if "__id__" in node:
                node["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
            if "__loader__" in node and "file" in node:
                old = node["file"]
                node["file"] = files.setdefault(old, f"{len(files)}.{old.rsplit('.', 1)[-1]}")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as packed:
            entries = [(_SCHEMA, json.dumps(schema, separators=(",", ":")).encode())]
            entries += [(new, archive.read(old)) for old, new in files.items()]
            for name, data in entries:
                info = zipfile.ZipInfo(name, date_time=_EPOCH)
                packed.writestr(info, data, zipfile.ZIP_DEFLATED, compresslevel=6)
    return buffer.getvalue()


def dump(estimator: Any) -> bytes:
    """The fitted object as bytes; the same fit gives the same bytes in any process.

    Raises:
        ArtifactError: a type outside the allow-list, one that skops cannot store, or too large an object.
    """
    import skops.io
    from skops.io.exceptions import UnsupportedTypeException

    try:
        content = skops.io.dumps(estimator)
    except (UnsupportedTypeException, TypeError) as error:
        raise ArtifactError(
            f"the fitted object cannot be stored: {error}. Use the algorithms of ml/algorithms."
        ) from error
    with _open(content) as archive:
        _check_types(_read_schema(archive))
    packed = _canonical(content)
    if len(packed) > MAX_BYTES:
        raise ArtifactError(
            f"the fitted object takes {len(packed):,} bytes; allowed: {MAX_BYTES:,}. "
            "Fit fewer or smaller trees: lower n_estimators or max_depth, or raise min_samples_leaf."
        )
    return packed


def _check_digest(content: bytes, sha256: str) -> None:
    received = digest(content)
    if received != sha256:
        raise ArtifactError(
            f"the artifact's bytes have sha256 {received}, registered is {sha256}: they were changed or cut "
            "short. Nothing was loaded; roll back to another version or train again."
        )


def load(content: bytes, sha256: str) -> Any:
    """The fitted object of `content`, whose address must be `sha256`. Nothing is parsed before that is
    verified.

    Raises:
        ArtifactError: another hash (tampered, truncated, mixed up), no skops archive, an older protocol, or a
            type outside the allow-list.
    """
    _check_digest(content, sha256)
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    with _open(content) as archive:
        _check_types(_read_schema(archive))
    try:
        return skops.io.loads(content, trusted=sorted(TYPES))
    except (
        UntrustedTypesFoundException,
        TypeError,
        ValueError,
        KeyError,
        AttributeError,
        ImportError,
    ) as error:
        raise ArtifactError(f"the artifact cannot be constructed: {error}. Train the model again.") from error
