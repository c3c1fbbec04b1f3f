"""A fitted pipeline of a declared model as its document, and the document's scores.

Belongs here: the way from a declaration and an estimator to a document. Does not belong here: what a document
is and how it is evaluated (`ml.document`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml.document import Document, Evaluator, Input
from ml.document.importers import import_estimator

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from ml.spec import ModelSpec


def document_of(spec: ModelSpec, estimator: Any, threshold: float | None) -> Document:
    """The document of a pipeline that was fitted on the declared features, in their order.

    Raises:
        DocumentError: a step of the pipeline has no counterpart in a document; names it.
    """
    inputs = [Input(feature.name, feature.kind) for feature in spec.features]
    return import_estimator(estimator, inputs, spec.name, threshold=threshold)


def document_scores(document: Document, table: pa.Table) -> np.ndarray:
    """One score a row, (rows,) float64: P(positive) or the label's unit."""
    return Evaluator(document).table(table).scores[:, 0]
