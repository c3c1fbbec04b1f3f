"""A variant is a document like any other: SQL, one row and many rows give the same bits."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from ml.document import Input
from ml.document.importers import import_estimator
from ml.document.parity import check_parity
from ml.document.variants import GRID, Margin, Recipe, collapse, leaves_to_bits, offer, thresholds_to_float32
from ml.document.variants.prune import leaf_spread
from tests.ml.document.boosted import INPUTS, boosted, linear, rows

OF_GRID = ("prune_50", "quantize_8", "prune_25_quantize_8")
RECIPES = (
    *(recipe for recipe in GRID if recipe.name in OF_GRID),
    Recipe("collapsed", lambda document: collapse(document, 0.3 * leaf_spread(document))),
    Recipe("leaves_to_3", lambda document: leaves_to_bits(document, 3)),
    Recipe("thresholds_up", lambda document: thresholds_to_float32(document, "up")),
)


def fitted():
    """LightGBM on rows with missing numbers, and its document."""
    table, dates = rows(2_000)
    x = table.to_pandas()
    label = (np.nan_to_num(x["x"] - x["y"]) + np.random.default_rng(3).normal(size=2_000) > 0).astype(int)
    model = lightgbm.LGBMClassifier(n_estimators=40, num_leaves=7, verbose=-1, n_jobs=1, random_state=0)
    document = import_estimator(model.fit(x, label), [Input(name, "number") for name in INPUTS], "fitted")
    return document, table, label.astype(float), dates


FULL = {
    "boosted": lambda: boosted([1.0, 0.3] * 10),
    "forest": lambda: boosted([1.0] * 12, divide=12.0),
    "linear": lambda: linear([0.4, -1 / 3, 0.01, 0.2]),
    "lightgbm": lambda: fitted()[0],
}


@pytest.mark.parametrize("name", FULL)
def test_all_surfaces_give_the_same_bits_for_every_variant(wh, name):
    full = FULL[name]()
    made = {recipe.name: recipe.make(full) for recipe in RECIPES}
    variants = {variant.sha256: variant for variant in made.values() if variant is not full}
    assert len(variants) == (3 if name == "linear" else len(RECIPES))
    for variant in variants.values():
        assert variant.source["variant_of"] == full.sha256 != variant.sha256
        report = check_parity(wh, variant, rows=50, adversarial=400)
        assert report.is_equal, str(report)
        assert [surface.name for surface in report.surfaces] == ["python", "numpy", "sql"]


def test_a_fitted_model_is_offered_smaller():
    # These rows trained it, so what it learned last still counts here: a wide margin stands in for new days.
    found = offer(*fitted(), "classification", margin=Margin(0.2), grid=RECIPES)
    assert found.offered and all(one.size.bytes < one.full_size.bytes for one in found.offered)
    assert {one.name: one.reason for one in found.refused}["thresholds_up"] == (
        "is not smaller than the full model"
    )
    assert found.offered[0].document.source["library"] == "lightgbm"
