"""k-means in the warehouse against scikit-learn's from the same centres, and what its seed chooses.

Belongs here: clusters, their document, bad rows. Does not belong here: classes that are known.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Document, Evaluator
from ml.document.parity import check_parity
from ml.indb.errors import InDatabaseError
from ml.indb.fitting import fitting
from ml.indb.kmeans import fit_kmeans
from warehouse.client import Warehouse

COLUMNS = ["a", "b", "c"]


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    """Four clouds, and rows that stand twice."""
    random = np.random.default_rng(4)
    middles = random.normal(size=(4, 3)) * [30.0, 3.0, 0.3] + [2013.0, 0.0, -1.0]
    clouds = middles[random.integers(4, size=400)] + random.normal(size=(400, 3)) * [5.0, 0.5, 0.05]
    return np.vstack([clouds, clouds[:50]])


@pytest.fixture(scope="module")
def wh(rows_wh: Warehouse, x: np.ndarray) -> Warehouse:
    rows_wh.load_arrow("public", "clouds", pa.table(dict(zip(COLUMNS, x.T, strict=True))), "create")
    return rows_wh


def labels(document: Document, x: np.ndarray) -> np.ndarray:
    return Evaluator(document).table(pa.table(dict(zip(COLUMNS, x.T, strict=True)))).decision


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("far", [0.0, 1e4])
def test_lloyds_steps_from_the_same_centres(wh: Warehouse, x: np.ndarray, standardize: bool, far: float):
    """Centres that are far from all rows stay without any, and are moved."""
    from sklearn.cluster import KMeans
    from sklearn.preprocessing import StandardScaler

    points = StandardScaler().fit_transform(x) if standardize else x
    start = points[[3, 70, 150, 222, 300]].copy()
    start[:2] += far
    fit = fit_kmeans(wh, "clouds", COLUMNS, 5, centres=start, standardize=standardize)
    model = KMeans(5, init=start, n_init=1, tol=0.0, algorithm="lloyd").fit(points)
    assert fit.is_settled and np.allclose(fit.centres, model.cluster_centers_, rtol=1e-12, atol=1e-13)
    assert fit.inertia == pytest.approx(model.inertia_, rel=1e-12)
    document = fit.document(None, "clouds")
    assert np.array_equal(labels(document, x), model.labels_)
    assert fit.rows == tuple(np.bincount(model.labels_).tolist())
    table = pa.table(dict(zip(COLUMNS, x.T, strict=True)))
    report = check_parity(wh, document, table, rows=60, adversarial=200)
    assert report.is_equal, str(report)


def test_seeded_starts(wh: Warehouse, x: np.ndarray):
    from sklearn.cluster import KMeans

    found = [fit_kmeans(wh, "clouds", COLUMNS, 4, seed=seed, starts=3) for seed in range(3)]
    best = KMeans(4, n_init=20, random_state=0).fit(x).inertia_
    for fit in found:
        assert len(fit.start_inertias) == 3 and fit.inertia == min(fit.start_inertias)
        assert fit.inertia == pytest.approx(best, rel=2e-3)  # a neighbouring optimum
        assert fit.points == 400 and sum(fit.rows) == 450
    first, last = (fit_kmeans(wh, "clouds", COLUMNS, 9, seed=seed) for seed in (0, 1))
    assert not np.array_equal(first.centres, last.centres)


def test_the_start_draws_by_squared_distance(wh: Warehouse):
    """Of the points 0, 1 and 3 the second centre is drawn with the chances of their squared distances; one
    candidate a draw, since there are two clusters and one start.
    """
    from ml.indb.kmeans_points import points
    from ml.indb.kmeans_sql import PointsQuery

    relation = "(select unnest(array[0, 1, 1, 1, 3]::float8[]) as v)"
    with fitting(wh):
        made = points(wh, relation, ["v"], None, False)
        query = PointsQuery(wh, made)
        second = [query.drawn(np.array([[0.0]]), seed, 0, 1)[0, 0] for seed in range(400)]
        first = [query.drawn(np.zeros((0, 1)), seed, 0, 1)[0, 0] for seed in range(400)]
        wh.execute(f"drop table {made.table}")
    assert set(second) == {1.0, 3.0} and abs(np.mean(np.array(second) == 3.0) - 9 / 12) < 0.065
    assert abs(np.mean(np.array(first) == 1.0) - 3 / 5) < 0.075


def test_the_same_bits_from_any_order_and_any_workers(wh: Warehouse, x: np.ndarray):
    def sha256(relation: str) -> str:
        fit = fit_kmeans(wh, relation, COLUMNS, 6, seed=7, starts=2, standardize=True)
        return fit.document(None, "clouds").sha256

    wanted = sha256("clouds")
    mixed = x[np.random.default_rng(9).permutation(len(x))]
    wh.load_arrow("public", "mixed", pa.table(dict(zip(COLUMNS, mixed.T, strict=True))), "replace")
    with wh.transaction():
        wh.execute("set local debug_parallel_query = on; set local min_parallel_table_scan_size = 0")
        wh.execute("set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0")
        for workers in (0, 2):
            wh.execute(f"set local max_parallel_workers_per_gather = {workers}")
            assert sha256("mixed") == wanted


REFUSED = [
    (["a"], 0, {}, "clusters 0"),
    (["a", "a"], 2, {}, "each named once"),
    (["same"], 2, {}, "column 'same' lies between 1.0 and 1.0 in all 20 rows"),
    (["a"], 6, {}, "20 rows are 5 distinct points for 6 clusters"),
    (["holes"], 2, {}, "column 'holes' is missing in 4 rows"),
    (["nothing"], 2, {}, "column 'nothing' is missing in all 20 rows"),
    (["wrong"], 2, {}, "column 'wrong': 4 rows .* such as NaN"),
    (["endless"], 2, {}, "column 'endless': 4 rows .* such as -Infinity"),
    (["huge"], 2, {}, r"column 'huge': 20 rows .* allowed: sizes up to 1e\+100"),
    (["words"], 2, {}, "'words' is text where a number is needed"),
    (["a"], 2, {"where": "a > 99"}, "it has no rows"),
    (["a"], 2, {"centres": np.zeros((3, 1))}, r"centres have the shape \(3, 1\)"),
]


@pytest.mark.parametrize(("columns", "clusters", "given", "message"), REFUSED)
def test_rows_that_cannot_be_clustered(wh: Warehouse, columns, clusters, given, message):
    relation = """(select i % 5 as a, 1 as same, nullif(i % 5, 3) as holes, null::int as nothing,
        case when i % 5 = 2 then 'NaN'::float8 else i end as wrong, 1e200 + i as huge, i::text as words,
        case when i % 5 = 2 then '-Infinity'::float8 else i end as endless
        from generate_series(1, 20) as i)"""
    with pytest.raises(InDatabaseError, match=message):
        fit_kmeans(wh, relation, columns, clusters, **given)
    assert wh.scalar("select count(*) from pg_tables where schemaname = 'ml_work'") == 0


def test_as_many_clusters_as_points_and_one(wh: Warehouse):
    relation = "(select i % 5 as a, i % 5 > 2 as b from generate_series(1, 20) as i)"
    fit = fit_kmeans(wh, relation, ["a", "b"], 5)
    assert fit.inertia == 0.0 and fit.rows == (4,) * 5
    one = fit_kmeans(wh, relation, ["a", "b"], 1)
    assert one.centres.tolist() == [[2.0, 0.4]] and one.kinds == {"a": "number", "b": "boolean"}
