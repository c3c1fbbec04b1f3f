"""The explicit registry: which importer reads which class.

Belongs here: one line a family. Does not belong here: any importer.
"""

from __future__ import annotations

from typing import Any

from ml.document.importers import (
    calibration,
    clusters,
    encoding,
    imputing,
    likelihoods,
    linear,
    networks,
    projecting,
    scaling,
    tree_models,
    wrappers,
)

TRANSFORMERS: dict[str, Any] = {
    **imputing.TRANSFORMERS,
    **scaling.TRANSFORMERS,
    **encoding.TRANSFORMERS,
    **projecting.TRANSFORMERS,
}
MODELS: dict[str, Any] = {
    **linear.MODELS,
    **tree_models.MODELS,
    **likelihoods.MODELS,
    **clusters.MODELS,
    **networks.MODELS,
    **projecting.MODELS,
    **calibration.MODELS,
    **wrappers.MODELS,
}
