"""A smaller variant becomes a version only through the test against the full model."""

from __future__ import annotations

import pytest

from ml import registry
from ml.document.variants.non_inferiority import Margin
from ml.predictor import Predictor
from ml.registry import RegistryError
from ml.version_variants import register_variant, variants_of
from tests.ml.small_model import champion_late


def test_an_offered_variant_is_registered_judged_and_promoted(wh):
    champion_late(wh)
    offers = variants_of(wh, "late")
    assert {one.name for one in offers.offered} | {one.name for one in offers.refused}
    chosen = next(one for one in offers.offered if one.name.startswith("quantize"))
    made = register_variant(wh, "late", chosen.name, "code")
    assert made.version == 2 and made.params["variant"] == chosen.name
    assert made.artifact_sha256 != Predictor.load(wh, "late").sha256
    assert all(row["is_equal"] for row in registry.parity_of(wh, "late", 2))
    registry.promote(wh, "late", 2, "tester", "smaller")
    assert Predictor.load(wh, "late").document.source["variant"]


def test_a_variant_is_compared_over_http_where_a_surface_is_given(wh):
    from serving.candidate import http_surface

    champion_late(wh)
    made = register_variant(wh, "late", "quantize_16", "code", http_of=http_surface)
    found = {row["surface"]: row["is_equal"] for row in registry.parity_of(wh, "late", made.version)}
    assert found == {"http": True, "numpy": True, "python": True, "sql": True}


def test_what_is_not_offered_is_not_registered(wh):
    champion_late(wh)
    with pytest.raises(RegistryError, match="'half' of late version 1: there is no such variant. Offered"):
        register_variant(wh, "late", "half", "code")
    strict = variants_of(wh, "late", margin=Margin(1e-12))
    refused = {one.name for one in strict.refused}
    assert "prune_25" in refused
    assert len(registry.versions(wh, "late")) == 1
