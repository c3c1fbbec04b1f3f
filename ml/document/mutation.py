"""A document with one small fault, to prove that a check would find it.

Belongs here: changing one constant or test. Does not belong here: the check (`ml.document.parity`).
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.schema import Document, DocumentError

if TYPE_CHECKING:
    from ml.document.schema import Node

Path = tuple[Any, ...]


def mutate(document: Document, seed: int = 0) -> Document:
    """The document with one constant moved by one ulp, or one `<=` turned into `<` or back; the same for the
    same seed. Zeros stay, since what they are added to would swallow the change.

    Raises:
        DocumentError: the document has no constant.
    """
    places = [(at, path) for at, node in enumerate(document.nodes) for path in _places(node)]
    random = np.random.default_rng(seed)
    for choice in random.permutation(len(places)):
        at, path = places[int(choice)]
        data = copy.deepcopy(document.to_dict())
        holder = data["nodes"][at][3]
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = _changed(holder[path[-1]])
        try:
            return Document.from_text(json.dumps(data))
        except DocumentError:
            continue  # this constant has no neighbour that its operation allows
    raise DocumentError(f"{document.name} has no constant to change; allowed: a document with at least one.")


def _changed(value: Any) -> Any:
    if isinstance(value, str):
        return "<" if value == "<=" else "<="
    return float(np.nextafter(value, math.inf))


def _places(node: Node) -> Iterator[Path]:
    if node.op != "trees":
        yield from (path for path in _floats(node.params) if path[0] != "shift")
        return
    yield from _floats({key: node.params[key] for key in ("start", "divide") if key in node.params})
    for number, tree in enumerate(node.params["trees"]):
        for at, (feature, test) in enumerate(zip(tree["feature"], tree["test"], strict=True)):
            if feature == -1 and tree["value"][at]:
                yield "trees", number, "value", at
            elif feature != -1 and test in ("<=", "<"):
                yield "trees", number, "threshold", at
                yield "trees", number, "test", at


def _floats(params: Any) -> Iterator[Path]:
    items = params.items() if isinstance(params, Mapping) else enumerate(params)
    for key, value in items:
        if isinstance(value, (Mapping, list, tuple)):
            yield from ((key, *rest) for rest in _floats(value))
        elif isinstance(value, float) and value:
            yield (key,)
