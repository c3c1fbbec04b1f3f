"""Cross-validation of a generalised linear model's penalty against scikit-learn's fits of the same folds.

Belongs here: the search. Does not belong here: one fit (`test_glm`).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ml.indb import glm_start
from ml.indb.errors import InDatabaseError
from ml.indb.glm import fit_glm
from ml.indb.glm_search import glm_search
from tests.ml.indb.sample import matrix
from tests.ml.indb.test_glm import TARGETS, answers, made, peer
from warehouse.client import Warehouse

COLUMNS = ["price", "count", "age", "shape"]
PENALTIES = [0.3, 0.03, 0.003]


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return made(500)


@pytest.fixture(scope="module")
def wh(rows_wh: Warehouse, table: pa.Table) -> Warehouse:
    rows_wh.load_arrow("public", "searched", table, "create")
    return rows_wh


def loss(family: str, y: np.ndarray, found: np.ndarray, classes: list) -> float:
    """Mean negative log-likelihood, without what coefficients do not change."""
    if family == "poisson":
        return float(np.mean(found[:, 0] - y * np.log(found[:, 0])))
    if family == "gamma":
        return float(np.mean(np.log(found[:, 0]) + y / found[:, 0]))
    shares = np.column_stack([1 - found, found]) if found.shape[1] == 1 else found
    return float(-np.mean(np.log(shares[np.arange(len(y)), [classes.index(one) for one in y]])))


@pytest.mark.parametrize("family", TARGETS)
def test_folds_in_order_of_time(wh: Warehouse, table: pa.Table, family: str):
    target = TARGETS[family]
    search = glm_search(wh, "searched", COLUMNS, target, family, "day", PENALTIES, order="time", gap=2)
    assert search.folds == ("3", "4", "5") and search.losses.shape == (3, 3)
    x, y = matrix(table, search.fit.names[1:]), np.array(table.column(target))
    day = np.array(table.column("day"))
    for at, fold in enumerate((3, 4, 5)):
        train, held = day < fold - 2, day == fold
        for place, penalty in enumerate(PENALTIES):
            model = peer(family, penalty, train.sum()).fit(x[train], y[train])
            expected = loss(family, y[held], answers(family, model, x[held]), sorted(set(y.tolist())))
            assert search.losses[at, place] == pytest.approx(expected, rel=1e-8)
    chosen = fit_glm(wh, "searched", COLUMNS, target, family, penalty=PENALTIES[search.best])
    assert np.allclose(search.fit.coefficients, chosen.coefficients, rtol=1e-10)
    assert search.best == int(np.argmin(search.means))


def test_every_fold_in_turn(wh: Warehouse):
    search = glm_search(
        wh, "searched", COLUMNS, "orders", "poisson", "fold", [0.01, 3.0], standardize=True, simplest=True
    )
    assert search.folds == ("0", "1", "2", "3", "4") and search.penalties.tolist() == [3.0, 0.01]
    assert search.means[0] > search.means[1] and search.best == 1 and search.fit.penalty == 0.01


def test_samples_shorten_the_way(wh: Warehouse, monkeypatch: pytest.MonkeyPatch):
    given = (wh, "searched", ["price", "wide"], "is_high", "logistic", "fold", PENALTIES)
    slow = glm_search(*given)
    for name, value in {"MANY_LINES": 100, "SAMPLE_LINES": 120, "LINES_A_COEFFICIENT": 1}.items():
        monkeypatch.setattr(glm_start, name, value)
    fast = glm_search(*given)
    assert np.allclose(fast.losses, slow.losses, rtol=1e-13)
    assert np.allclose(fast.fit.coefficients, slow.fit.coefficients, rtol=1e-12)


def test_what_cannot_be_searched(wh: Warehouse):
    def search(fold: str = "day", penalties: tuple = (0.1,), **given):
        return glm_search(wh, "searched", COLUMNS, "is_high", "logistic", fold, penalties, **given)

    with pytest.raises(InDatabaseError, match="penalties .* allowed: penalties above 0"):
        search(penalties=(0.0,))
    with pytest.raises(InDatabaseError, match="has 1 fold of 83 rows; allowed: at least 2"):
        search(where="day = 5")
    with pytest.raises(InDatabaseError, match="fold '1' leaves rows to train on without a class"):
        search(where="day > 0 or is_high", order="time")
    with pytest.raises(InDatabaseError, match="fold 'shape' is missing"):
        glm_search(wh, "searched", ["price"], "is_high", "logistic", "shape", [0.1])
