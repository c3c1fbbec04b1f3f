"""Smaller documents of a fitted model, offered only where they are shown not to be worse than it.

A variant is a document like any other: exact, with its own sha256, evaluated by the same operations on every
surface; its `source` names the full model's sha256 and what was done. Belongs here: making variants (`prune`,
`quantize`), the test (`non_inferiority`), what they cost (`cost`), the offer. Does not belong here: storing
and serving one, or training a smaller model.
"""

from ml.document.variants.non_inferiority import Comparison, Margin, compare_losses
from ml.document.variants.offers import GRID, Offer, Offers, Recipe, Refused, offer
from ml.document.variants.prune import collapse, first_trees, prune, strongest_terms
from ml.document.variants.quantize import leaves_to_bits, quantize, thresholds_to_float32, weights_to_bits

__all__ = [
    "GRID", "Comparison", "Margin", "Offer", "Offers", "Recipe", "Refused", "collapse", "compare_losses",
    "first_trees", "leaves_to_bits", "offer", "prune", "quantize", "strongest_terms", "thresholds_to_float32",
    "weights_to_bits",
]  # fmt: skip
