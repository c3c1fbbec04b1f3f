"""The model document: one fitted model as data, and the evaluators that give it the same 64 bits everywhere.

A document is a small program over columns: inputs, nodes that each make one column by a named operation in a
stated order, and a head that says what the margins mean. SQL, Python and HTTP all read the document; none of
them reads the library that fitted it.

Belongs here: the document, its operations, its evaluators, the importers from fitted estimators, the proof of
parity. Does not belong here: training, storing (`ml.registry`), running SQL on a schedule (`orchestration`).

Two things are fixed for all surfaces. A missing number is one value, whether it came as NULL, NaN or an
absent field; a comparison with it is false, arithmetic with it is missing. And no operation can leave the
range of a double: what enters arithmetic is bounded first (`bound`), since Postgres raises where Python
returns infinity or zero.
"""

from ml.document.build import Builder
from ml.document.evaluate import Answers, Evaluator
from ml.document.schema import Document, DocumentError, Head, Input, Node

__all__ = ["Answers", "Builder", "Document", "DocumentError", "Evaluator", "Head", "Input", "Node"]
