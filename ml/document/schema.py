"""What a model document is made of, and its one canonical text.

Belongs here: the parts, reading and writing JSON, every check that needs no data. Does not belong here: what
an operation computes (`ml.document.ops`).

Floats are written with the fewest digits that read back to the same 64 bits (Python's repr), keys are sorted
and there is no white space, so equal documents have equal text and one sha256.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

FORMAT = "starhouse-model"
VERSION = 1
KINDS = ("number", "boolean", "category")
HEADS = ("identity", "exp", "sigmoid", "margin", "probability", "softmax", "nearest")
"""What the margins mean.

identity: the answer itself (one margin, or several components). exp: its logarithm. sigmoid: log odds of the
second class. margin: how far on the second class's side, no probability; with several margins one a class.
probability: P(second class), or with several margins one a class. softmax: log weights, one a class. nearest:
squared distances, one a cluster.
"""


class DocumentError(ValueError):
    """A document, or an estimator that should become one, is not understood: says what, and what is
    allowed.
    """


@dataclass(frozen=True)
class Input:
    """One column that a caller gives: a number (float64), a boolean, or a category (text); each may be
    missing.
    """

    name: str
    kind: str


@dataclass(frozen=True)
class Node:
    """One column that is computed: operation `op` on earlier columns, with constants."""

    id: str
    op: str
    inputs: tuple[str, ...]
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Head:
    """How margins become an answer. `classes` by position; `cut`: the second class from this margin on."""

    kind: str
    classes: tuple[Any, ...] = ()
    cut: float | None = None


@dataclass(frozen=True)
class Document:
    """A fitted model. `margins` names the nodes whose columns are the bit contract; `source` says where it
    came from (library, class, version), for people.
    """

    name: str
    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    margins: tuple[str, ...]
    head: Head
    source: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from ml.document.checks import check

        check(self)

    @cached_property
    def text(self) -> str:
        """The canonical JSON."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @cached_property
    def sha256(self) -> str:
        """The address of the canonical text, lower-case hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.inputs)

    def to_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "inputs": [[item.name, item.kind] for item in self.inputs],
            "nodes": [[node.id, node.op, list(node.inputs), _plain(node.params)] for node in self.nodes],
            "margins": list(self.margins),
            "head": {"kind": self.head.kind, "classes": list(self.head.classes), "cut": self.head.cut},
            "source": _plain(self.source),
        }

    @classmethod
    def from_text(cls, text: str | bytes) -> Document:
        """Read a document; everything in it is checked.

        Raises:
            DocumentError: no JSON, another format or version, or a part that is not understood.
        """
        try:
            data = json.loads(text, parse_constant=_refuse_constant)
        except ValueError as error:
            raise DocumentError(f"the document is no JSON: {error}. Import the model again.") from error
        found = (data.get("format"), data.get("version")) if isinstance(data, dict) else (type(data), None)
        if found != (FORMAT, VERSION):
            raise DocumentError(
                f"the document is {found[0]!r} version {found[1]!r}; allowed: {FORMAT!r} version {VERSION}. "
                "Import the model again with this version of the code."
            )
        try:
            return cls(
                name=data["name"],
                inputs=tuple(Input(*item) for item in data["inputs"]),
                nodes=tuple(Node(i, op, tuple(ins), params) for i, op, ins, params in data["nodes"]),
                margins=tuple(data["margins"]),
                head=Head(data["head"]["kind"], tuple(data["head"]["classes"]), data["head"]["cut"]),
                source=data["source"],
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, DocumentError):
                raise
            raise DocumentError(
                f"the document lacks a part, or it has another shape: {error!r}. Import the model again."
            ) from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of a document")


def _plain(value: Any) -> Any:
    """Python's own types; NumPy's numbers and arrays become them without a change of a bit."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        raise DocumentError(f"a document holds finite numbers only; received {value!r}.")
    return value
