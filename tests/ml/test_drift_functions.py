"""The two tail probabilities in SQL against scipy, from certain to impossible."""

from __future__ import annotations

import pytest
from scipy.stats import chi2, kstwobign

from ml.registry_schema import ensure_schema

CHI = (1e-9, 1e-3, 0.1, 0.5, 1, 2, 5, 9, 10, 11, 20, 50, 200, 800, 1300, 3000, 1e6)
KOLMOGOROV = (1e-3, 0.05, 0.1, 0.3, 0.5, 0.7, 0.99, 1, 1.01, 1.3, 2, 3, 5, 10, 17, 18)


def test_chi_square(wh):
    ensure_schema(wh)
    rows = wh.query(
        "select x, d, ml.chi_square_sf(x, d) as p from unnest(%(x)s::float8[]) x, unnest(%(d)s::int[]) d",
        {"x": [float(x) for x in CHI], "d": [1, 2, 3, 4, 9, 10, 11, 30, 31, 99, 200]},
    )
    assert len(rows) == len(CHI) * 11
    for row in rows:
        assert row["p"] == pytest.approx(chi2.sf(row["x"], row["d"]), rel=1e-11, abs=1e-290)


def test_kolmogorov(wh):
    ensure_schema(wh)
    for x in KOLMOGOROV:
        p = wh.scalar("select ml.kolmogorov_sf(%(x)s)", {"x": float(x)})
        assert p == pytest.approx(kstwobign.sf(x), rel=1e-11, abs=1e-290)


def test_the_edges(wh):
    ensure_schema(wh)
    (row,) = wh.query(
        "select ml.chi_square_sf(0, 3) as zero, ml.chi_square_sf(-1, 3) as below, "
        "ml.chi_square_sf('infinity', 3) as far, ml.chi_square_sf(1, 0) as none, "
        "ml.chi_square_sf(null, 3) as unknown, "
        "ml.chi_square_sf('NaN', 3)::text as nan, ml.kolmogorov_sf('NaN')::text as k_nan, "
        "ml.kolmogorov_sf(0) as k_zero, "
        "ml.kolmogorov_sf(1000) as k_far, ml.kolmogorov_sf('infinity') as k_inf"
    )
    assert row == {
        "zero": 1, "below": 1, "far": 0, "none": None, "unknown": None, "nan": "NaN", "k_nan": "NaN",
        "k_zero": 1, "k_far": 0, "k_inf": 0,
    }  # fmt: skip
