"""Split for split against LightGBM in its deterministic mode, where both grow the same tree.

They do with squared loss, no shrinkage, a bin for every value, the same least rows. A threshold may stand
anywhere in the gap between two values, and missing values may go anywhere where there are none, so what is
compared is the feature of each node, the rows on its two sides, and the answers.

Boosting gives the same partitions tree after tree, with answers to seven digits, since LightGBM keeps
gradients in float32 and breaks exact ties (two features that part the rows alike) by its rounding. Some of
its habits make other trees, and are kept out of the comparison: with a penalty or a monotone feature, one
that has no gain in a node is not tried below it; it estimates a child's rows from second derivatives, which
matters where these differ and children are as small as the least (here 1 with softmax or weights);
categories are smoothed by default, and a missing one always goes right.

Belongs here: this comparison. Does not belong here: other libraries, or the importer of LightGBM.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Evaluator
from ml.indb.reference import reference_trees
from ml.indb.tree_importance import importances
from ml.indb.tree_settings import Boosting, Growth, TreeRows
from tests.ml.indb.tree_oracle import DEPTH, LEAST, NAMES, both, partitions, rows, splits


def answers(found) -> tuple[np.ndarray, np.ndarray]:
    """Margins of ours and theirs."""
    return tuple(Evaluator(one).table(found.table).margins for one in (found.ours, found.theirs))


@pytest.mark.parametrize("missing", [0.0, 0.15])
@pytest.mark.parametrize("l2", [0.0, 3.0])
def test_one_tree_is_the_same(missing, l2):
    x, y = rows(missing)
    y -= np.rint(y.mean())
    found = both(x, y, 1, l2=l2)
    assert splits(found.theirs, x) == splits(found.ours, x)
    assert len(splits(found.ours, x)[0]) > 15
    np.testing.assert_allclose(*answers(found), rtol=1e-6)


SEEDS = [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 60))]


@pytest.mark.parametrize("seed", SEEDS)
def test_trees_of_any_shape_part_rows_alike(seed):
    """Where two features part a node's rows alike, either may be taken: 4 of 60 trees have such a node."""
    random = np.random.default_rng(seed)
    count = int(random.integers(300, 3000))
    x = np.stack([
        random.integers(0, int(random.integers(3, 200)), count) / 4,
        random.normal(size=count).round(int(random.integers(1, 3))),
        np.exp(random.normal(size=count)).round(1),
    ], axis=1)  # fmt: skip
    noise = random.normal(0, float(random.choice([50, 400])), count)
    y = np.rint(300 * np.sin(x[:, 0]) + 200 * x[:, 1] * (x[:, 2] > 1) + noise)
    x[random.random(x.shape) < random.choice([0.0, 0.05, 0.3])] = np.nan
    shape = {"depth": random.integers(2, 12), "leaves": random.integers(3, 60)}
    least = int(random.choice([1, 5, 20, 50]))
    found = both(x, y - np.rint(y.mean()), 1, least=least, **{name: int(v) for name, v in shape.items()})
    assert partitions(splits(found.theirs, x)) == partitions(splits(found.ours, x))


@pytest.mark.parametrize("leaves", [2, 7, 13])
def test_leaves_are_split_in_the_same_order(leaves):
    x, y = rows(0.15)
    found = both(x, y, 1, depth=20, leaves=leaves)
    assert splits(found.theirs, x) == splits(found.ours, x)
    assert len(splits(found.ours, x)[0]) == leaves - 1


CUTS = {"regression": None, "binary": [400.0], "multiclass": [-300.0, 900.0]}


def boosted(missing: float, objective: str, rounds: int, depth: int):
    """Both, boosted on a label of the objective, and the features."""
    x, y = rows(missing)
    label = y if CUTS[objective] is None else np.digitize(y, CUTS[objective])
    least = 1 if objective == "multiclass" else LEAST
    return both(x, label, rounds, depth=depth, rate=0.3, objective=objective, least=least), x


@pytest.mark.parametrize(("objective", "depth"), [("regression", DEPTH), ("binary", 3), ("multiclass", 3)])
def test_boosting_parts_rows_alike(objective, depth):
    found, x = boosted(0.15, objective, 8, depth)
    for margin in range(len(found.ours.margins)):
        expected, got = (splits(one, x, margin) for one in (found.theirs, found.ours))
        assert partitions(expected) == partitions(got)
    np.testing.assert_allclose(*answers(found), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("unit", [1, 8, 1000])
@pytest.mark.parametrize("objective", list(CUTS))
def test_weights_count_alike(objective, unit):
    """Whole, in eighths and in thousandths, of which LightGBM keeps the nearest float32. It is told to leave
    children's rows alone, which it would estimate from weights; of classes it then makes empty leaves and
    fails, so there the least weight is 1.
    """
    x, y = rows(0.1)
    y = y if CUTS[objective] is None else np.digitize(y, CUTS[objective])
    least, of_classes = (unit, 1) if objective == "multiclass" else (1, 0)
    weight = np.random.default_rng(3).integers(least, 5 * unit, len(y)) / unit
    shape = {"depth": 4, "rate": 0.3, "least": 1, "leaves": 10, "l2": 2.5}
    found = both(x, y, 4, objective=objective, weight=weight, min_child_samples=of_classes, **shape)
    assert found.fitted.loss.weight_steps == unit
    for margin in range(len(found.ours.margins)):
        expected, got = (splits(one, x, margin) for one in (found.theirs, found.ours))
        assert partitions(expected) == partitions(got)
    np.testing.assert_allclose(*answers(found), rtol=1e-5, atol=1e-4)
    gains = [one.gain for one in importances(found.fitted).values()]
    np.testing.assert_allclose(gains, found.model.booster_.feature_importance("gain"), rtol=1e-4)


@pytest.mark.parametrize(
    ("sign", "monotone"), [(1, {"x": 1, "u": 1}), (-1, {"x": -1}), (1, {"x": 1, "z": 1})]
)
def test_monotone_features_are_kept_alike(sign, monotone):
    x, y = rows(0.1)
    found = both(x, sign * y, 6, depth=6, rate=0.5, leaves=20, monotone=monotone)
    assert partitions(splits(found.theirs, x)) == partitions(splits(found.ours, x))
    free = both(x, sign * y, 6, depth=6, rate=0.5, leaves=20)
    assert partitions(splits(free.ours, x)) != partitions(splits(found.ours, x))
    np.testing.assert_allclose(*answers(found), rtol=1e-5, atol=1e-5)


def test_categories_without_smoothing_part_rows_alike():
    import lightgbm

    random = np.random.default_rng(5)
    x = np.stack([random.integers(0, 24, 2000), random.integers(0, 9, 2000)], axis=1)
    effect = random.normal(0, 500, 24)
    y = np.rint(effect[x[:, 0]] + 300 * np.isin(x[:, 1], [1, 4, 7]) + random.normal(0, 300, 2000))
    model = lightgbm.LGBMRegressor(
        n_estimators=5, num_leaves=12, max_depth=4, min_child_samples=LEAST, min_child_weight=0.0,
        learning_rate=0.3, cat_smooth=1e-3, cat_l2=0.0, max_cat_threshold=100, min_data_per_group=1,
        max_cat_to_onehot=1, min_data_in_bin=1, n_jobs=1, deterministic=True, force_col_wise=True, verbose=-1,
        feature_pre_filter=False,
    ).fit(x, y, categorical_feature=[0, 1])  # fmt: skip
    table = pa.table({"a": pa.array(map(str, x[:, 0])), "b": pa.array(map(str, x[:, 1])), "y": y})
    growth = Growth(4, 12, LEAST)
    ours = reference_trees(
        table, TreeRows("t", "y", categories=("a", "b")), Boosting(5, 0.3, growth=growth), "m"
    )
    got = Evaluator(ours.document).table(table).margins[:, 0]
    np.testing.assert_allclose(got, model.predict(x), rtol=1e-6, atol=1e-4)
    assert len(set(got.tolist())) > 30


def test_early_stopping_keeps_as_many_trees():
    import lightgbm

    random = np.random.default_rng(2)
    x = random.integers(0, 2, (1200, 10))  # of two values, so that no row to come lies in a gap
    y = np.rint(300 * x[:, 0] * x[:, 1] - 200 * x[:, 2] * (1 - x[:, 3]) + random.normal(0, 300, 1200))
    day = np.arange(1200) // 10
    is_late = day >= 90
    model = lightgbm.LGBMRegressor(
        n_estimators=60, num_leaves=7, max_depth=3, min_child_samples=LEAST, min_child_weight=0.0,
        learning_rate=0.3, min_data_in_bin=1, n_jobs=1, deterministic=True, verbose=-1, force_col_wise=True,
        enable_bundle=False, feature_pre_filter=False,
    ).fit(x[~is_late], y[~is_late], eval_X=(x[is_late],), eval_y=(y[is_late],), eval_metric="l2",
          callbacks=[lightgbm.early_stopping(5, verbose=False)])  # fmt: skip
    names = tuple(f"x{place}" for place in range(10))
    table = pa.table({**{name: x[:, at] for at, name in enumerate(names)}, "y": y, "day": day})
    declared = TreeRows("t", "y", names, time="day", validation=0.25)
    ours = reference_trees(table, declared, Boosting(60, 0.3, patience=5, growth=Growth(3, 7, LEAST)), "m")
    assert len(ours.trees) == model.best_iteration_ and len(ours.losses) == model.best_iteration_ + 6 < 60
    mean = min(ours.losses) / 2.0 ** (2 * ours.loss.bits) / is_late.sum() + np.mean(y[is_late] ** 2)
    assert mean == pytest.approx(model.best_score_["valid_0"]["l2"], 1e-6)


@pytest.mark.parametrize("objective", list(CUTS))
def test_gains_are_counted_alike(objective):
    found, _ = boosted(0.1, objective, 4, 3)
    ours = importances(found.fitted)
    assert list(ours) == list(NAMES)
    booster = found.model.booster_
    assert [one.splits for one in ours.values()] == booster.feature_importance("split").tolist()
    gains = [one.gain for one in ours.values()]
    np.testing.assert_allclose(gains, booster.feature_importance("gain"), rtol=1e-5)
