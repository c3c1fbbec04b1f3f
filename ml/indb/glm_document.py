"""A generalised linear model as a model document: scored by SQL, Python and HTTP with the same bits.

Belongs here: a fit to nodes and its head. Does not belong here: fits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ml.document import Builder, Document, Head
from ml.indb.glm_fit import GlmFit
from ml.indb.linear_document import linear_margin, source_of

ABOVE_ZERO = 5e-324
"""The smallest margin for the second of two classes: the first is taken where they are equal."""


def glm_document(fit: GlmFit, kinds: Mapping[str, str] | None, name: str) -> Document:
    """Log odds of the second of two classes, log weights of each of several, or the logarithm of the mean.

    `kinds`: by column number, boolean or category; None takes those of the rows. A category not met in
    training counts as the reference, with a penalty as none of them.
    """
    builder, known = Builder(name), fit.kinds if kinds is None else kinds
    rows = fit.coefficients
    if len(fit.classes) > 2:
        rows = class_coefficients(fit)
    labels = ["margin"] if len(rows) == 1 else [f"margin_{place}" for place in range(len(rows))]
    margins = [
        linear_margin(builder, fit.terms, row[1:].tolist(), float(row[0]), known, label)
        for row, label in zip(rows, labels, strict=True)
    ]
    heads = {0: Head("exp"), 2: Head("sigmoid", fit.classes, ABOVE_ZERO)}
    head = heads.get(len(fit.classes)) or Head("softmax", fit.classes)
    order = list(dict.fromkeys(term.column for term in fit.terms))
    source = {**source_of("GeneralisedLinearModel"), "family": fit.family}
    return builder.document(margins, head, source, order)


def class_coefficients(fit: GlmFit) -> np.ndarray:
    """Of several classes, coefficients (K, P) of each that add up to 0: no class is the base."""
    given = np.vstack([np.zeros(fit.coefficients.shape[1]), fit.coefficients])
    return given - given.mean(axis=0)
