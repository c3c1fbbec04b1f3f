"""The checks of a document that need no data: every part is known, and refers only to what stands before it.

Belongs here: structure. Does not belong here: what an operation asks of its constants, which stands with the
operation.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ml.document.schema import HEADS, KINDS, DocumentError

if TYPE_CHECKING:
    from ml.document.schema import Document


def check(document: Document) -> None:
    """Raise DocumentError at the first part that is wrong, naming it."""
    kinds = _check_inputs(document)
    _check_nodes(document, kinds)
    _check_head(document, kinds)


def _check_inputs(document: Document) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for item in document.inputs:
        if item.kind not in KINDS:
            raise DocumentError(f"input {item.name!r} has kind {item.kind!r}; allowed: {', '.join(KINDS)}.")
        if not isinstance(item.name, str) or not item.name or item.name in kinds:
            raise DocumentError(f"input {item.name!r} stands twice, or is no name. Give each its own.")
        kinds[item.name] = "category" if item.kind == "category" else "number"
    return kinds


def _check_nodes(document: Document, kinds: dict[str, str]) -> None:
    from ml.document.ops import OPS

    for node in document.nodes:
        where = f"node {node.id!r} ({node.op})"
        if node.op not in OPS:
            raise DocumentError(f"{where}: no such operation; allowed: {', '.join(sorted(OPS))}.")
        if not isinstance(node.id, str) or not node.id or node.id in kinds:
            raise DocumentError(f"{where}: the name stands twice, or is none. Give each node its own.")
        unknown = [name for name in node.inputs if name not in kinds]
        if unknown:
            raise DocumentError(f"{where}: reads {unknown}, which do not stand before it.")
        operation = OPS[node.op]
        wrong = [name for name in node.inputs if kinds[name] != operation.takes]
        if wrong:
            raise DocumentError(f"{where}: takes columns of kind {operation.takes}; {wrong} are others.")
        try:
            operation.check(node)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DocumentError(f"{where}: {error}") from error
        kinds[node.id] = "number"


def _check_head(document: Document, kinds: dict[str, str]) -> None:
    head, count = document.head, len(document.margins)
    if head.kind not in HEADS:
        raise DocumentError(f"head {head.kind!r}; allowed: {', '.join(HEADS)}.")
    if not count or any(kinds.get(name) != "number" for name in document.margins):
        raise DocumentError(f"margins {list(document.margins)}; allowed: names of computed columns.")
    classes = {"sigmoid": 2, "softmax": count, "nearest": count}.get(head.kind)
    if head.kind in ("probability", "margin"):
        classes = 2 if count == 1 else count
    if classes is not None and len(head.classes) != classes:
        raise DocumentError(f"head {head.kind} with {count} margins has {len(head.classes)} classes.")
    if head.cut is not None and not (isinstance(head.cut, float) and math.isfinite(head.cut)):
        raise DocumentError(f"head {head.kind}: cut {head.cut!r}; allowed: a finite number.")
