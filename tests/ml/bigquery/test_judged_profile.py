"""A relation's profile by BigQuery's SQL: the same column by column, means but for their rounding."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ml.profile import ProfileError, profile
from tests.ml.bigquery.mixed_rows import mixed_rows

pytestmark = pytest.mark.slow


def test_a_profile_is_the_same_but_for_the_last_bits_of_means(rows_wh, judged, load):
    load("profiled", mixed_rows(100))
    found = [profile(wh, "s", "profiled") for wh in (rows_wh, judged)]
    for one, two in zip(*found, strict=True):
        for name in ("mean", "deviation"):
            values = [getattr(column, name) for column in (one, two)]
            if None not in values:
                assert values[1] == pytest.approx(values[0], rel=1e-14, nan_ok=True)
            assert (values[0] is None) == (values[1] is None)
        bare = [repr(replace(column, mean=None, deviation=None)) for column in (one, two)]
        assert bare[0] == bare[1]  # ranges, quantiles and NaN's place among them, by their texts


def test_a_relation_that_is_not_there_is_named(judged):
    with pytest.raises(ProfileError, match="s.nowhere: no such relation"):
        profile(judged, "s", "nowhere")
