"""Every fit meets every kind of bad input: it names the column, or what it gives is still the right answer.

Belongs here: one table of all defects, and each fit on it. Does not belong here: what a declaration refuses
(`test_refusals`), settings of trees (`test_tree_refusals`).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from ml.indb.class_moments import classes_of
from ml.indb.cofactor_scan import measure
from ml.indb.cofactors import Cofactors
from ml.indb.columns import Category
from ml.indb.components import components, correlations
from ml.indb.declare import declared
from ml.indb.discriminants import linear_discriminants, quadratic_discriminants
from ml.indb.elastic_net import penalty_path
from ml.indb.errors import InDatabaseError
from ml.indb.linear import least_squares
from ml.indb.naive_bayes import multinomial, naive_bayes
from ml.indb.penalty_search import penalty_search
from ml.indb.train_trees import train_trees
from ml.indb.tree_settings import Boosting, TreeRows
from warehouse.client import Warehouse

ROWS = """create table bad as
  select *, 2 * x + 3 as double_x, 5 * x + (g % 17) as y, case when g % 7 = 0 then null else x end as some_y
  from (select g, g % 5 as fold, (g * 37) % 101 as x, ((g * g) % 89)::float8 / 10 as z, 7::float8 as same,
    null::float8 as nothing, case when g = 4 then 'Infinity'::float8 else g end as endless,
    case when g = 5 then 'NaN'::float8 else g end as not_a_number,
    case when g = 6 then 1e308::float8 else g * 1e300 end as huge, 1e-320::float8 * g as tiny,
    case when g = 6 then 9e18::bigint else g end as large, g::text as typed, 'only'::text as giant,
    5 as flat, g % 2 as binary, 1 as one_class, null::float8 as no_y, g::text as text_y,
    case when g % 2 = 0 then 'Infinity'::float8 else g end as endless_y
    from generate_series(1, 300) as g) as r"""
Fit = Callable[[Warehouse, str, list[str], list[str], str], Any]


def total(wh: Warehouse, relation: str, numbers: list[str], categories: list[str]) -> Cofactors:
    return measure(
        wh, relation, declared(wh, relation, numbers), [Category(name) for name in categories]
    ).total


def of_target(fit: Callable[..., Any]) -> Fit:
    return lambda wh, rows, x, c, y: fit(total(wh, rows, [*x, y], c), [*x, *c], y)


def of_classes(fit: Callable[..., Any]) -> Fit:
    def fitted(wh: Warehouse, rows: str, x: list[str], c: list[str], y: str) -> Any:
        found = measure(wh, rows, declared(wh, rows, x), [Category(name) for name in c], by=[y])
        return fit(classes_of(found, y), x, c)

    return fitted


def searched(wh: Warehouse, rows: str, x: list[str], c: list[str], y: str) -> Any:
    categories = [Category(name) for name in c]
    found = measure(wh, rows, declared(wh, rows, [*x, y]), categories, by=["fold"])
    return penalty_search(found.by("fold"), [*x, *c], y, penalties=3, expected=5).errors


def boosted(wh: Warehouse, rows: str, x: list[str], c: list[str], y: str) -> Any:
    document = train_trees(
        wh, TreeRows(rows, y, numbers=tuple(x), categories=tuple(c)), Boosting(rounds=1), "m"
    )
    return 0.0 if document else np.nan


def path(ratio: float) -> Callable[..., Any]:
    return lambda part, x, y: penalty_path(part, x, y, ratio=ratio, penalties=3).coefficients


FITS: dict[str, Fit] = {
    "least_squares": of_target(lambda part, x, y: least_squares(part, x, y).coefficients),
    "elastic_net": of_target(path(0.5)),
    "ridge": of_target(path(0.0)),
    "lasso": of_target(path(1.0)),
    "search": searched,
    "trees": boosted,
    "components": lambda wh, rows, x, c, y: components(total(wh, rows, x, c), [*x, *c]).variances,
    "correlations": lambda wh, rows, x, c, y: correlations(total(wh, rows, x, c), x),
    "linear_discriminants": of_classes(lambda k, x, c: linear_discriminants(k, [*x, *c]).weights),
    "quadratic_discriminants": of_classes(lambda k, x, c: quadratic_discriminants(k, [*x, *c]).starts),
    "naive_bayes": of_classes(lambda k, x, c: naive_bayes(k, x, c).variances),
    "multinomial": of_classes(lambda k, x, c: multinomial(k, x).weights),
}
WITHOUT_TARGET = {"components", "correlations"}
OF_CLASSES = {"linear_discriminants", "quadratic_discriminants", "naive_bayes", "multinomial"}
# By defect: numbers, categories, the message, and the fits whose answer does not suffer from it.
COLUMNS: dict[str, tuple[list[str], list[str], str, set[str]]] = {
    "constant": (["x", "same"], [], "'same'", {"multinomial"}),
    "collinear": (
        ["x", "double_x", "z"], [], "'double_x' equals 3.0 .* 2.0 · x|'double_x' equals 2.0 · x",
        set(FITS) - {"least_squares", "lasso", "linear_discriminants", "quadratic_discriminants"},
    ),
    "missing in all rows": (["x", "nothing"], [], "'nothing'", set()),
    "infinite": (["x", "endless"], [], "'endless'.*(finite|infinite)", set()),
    "not a number": (["x", "not_a_number"], [], "'not_a_number'.*NaN", {"trees"}),  # missing, to a tree
    "too large for squares": (["x", "huge"], [], "'huge'", {"trees", "multinomial", "correlations"}),
    "too small for squares": (["x", "tiny"], [], "'tiny'", {"trees", "multinomial", "correlations"}),
    "one large value": (["x", "large"], [], "-", set(FITS)),
    "text": (["x", "typed"], [], "'typed' is text", set()),
    "one category": (["x"], ["giant"], "'giant' is 'only' in", {"multinomial", "correlations"}),
}  # fmt: skip
LABELS = {
    "constant": ("flat", "one_class", "'flat'|'one_class' is '1' in all"),
    "infinite": ("endless_y", "endless_y", "'endless_y'.*(Infinity|inf|double precision)"),
    "missing in all rows": ("no_y", "no_y", "'no_y' is missing in"),
    "missing in some rows": ("some_y", "some_y", "'some_y' is missing in"),
    "text": ("text_y", "endless_y", "'text_y' is text|'endless_y' is double precision"),
}


@pytest.fixture(scope="module")
def bad(rows_wh: Warehouse) -> Warehouse:
    rows_wh.execute(ROWS)
    return rows_wh


@pytest.mark.parametrize(("name", "defect"), product(FITS, COLUMNS))
def test_columns(bad: Warehouse, name: str, defect: str):
    numbers, categories, message, unharmed = COLUMNS[defect]
    label = "binary" if name in OF_CLASSES else "y"
    if name in unharmed:
        assert np.all(np.isfinite(FITS[name](bad, "bad", numbers, categories, label)))
        return
    with pytest.raises(InDatabaseError, match=message):
        FITS[name](bad, "bad", numbers, categories, label)


@pytest.mark.parametrize(("name", "defect"), product(FITS.keys() - WITHOUT_TARGET, LABELS))
def test_labels(bad: Warehouse, name: str, defect: str):
    number, label, message = LABELS[defect]
    with pytest.raises(InDatabaseError, match=message):
        FITS[name](bad, "bad", ["x", "z"], [], label if name in OF_CLASSES else number)


@pytest.mark.parametrize("name", FITS)
def test_no_rows(bad: Warehouse, name: str):
    with pytest.raises(InDatabaseError, match="it has no rows"):
        FITS[name](bad, "(select * from bad where false)", ["x"], [], "binary")


def test_fewer_rows_than_folds(bad: Warehouse):
    with pytest.raises(InDatabaseError, match="3 rows fall into 3 of 5 folds"):
        FITS["search"](bad, "(select * from bad where g < 4)", ["x"], [], "y")


@pytest.mark.parametrize("ratio", [0.0, 0.5])
def test_a_penalty_shares_collinear_columns_as_scikit_learn_does(bad: Warehouse, ratio: float):
    from sklearn.linear_model import ElasticNet

    names = ["x", "double_x", "z"]
    table = bad.fetch_arrow(f"select {', '.join(names)}, y from bad")
    x, y = np.column_stack([table.column(one).to_numpy() for one in names]), table.column("y").to_numpy()
    found = penalty_path(total(bad, "bad", [*names, "y"], []), names, "y", ratio=ratio, penalties=[2.0])
    peer = ElasticNet(alpha=2.0, l1_ratio=max(ratio, 1e-12), tol=1e-14, max_iter=1_000_000).fit(x, y)
    assert np.allclose(found.coefficients[0], peer.coef_, rtol=1e-6)


def test_one_large_value_costs_no_digit(bad: Warehouse):
    table = bad.fetch_arrow("select x, large, y from bad")
    x, large, y = (table.column(name).to_numpy().astype(float) for name in ("x", "large", "y"))
    found = FITS["least_squares"](bad, "bad", ["x", "large"], [], "y")
    # By units in which both columns are near 1.
    design = np.column_stack([np.ones(len(x)), x / 100, large / 9e18])
    peer = np.linalg.lstsq(design, y, rcond=None)[0] / [1.0, 100.0, 9e18]
    assert np.allclose(found, peer, rtol=1e-9)


def test_columns_that_nearly_follow_from_one_another_are_named_where_no_penalty_parts_them(bad: Warehouse):
    near = "(select *, x + 1e-7 * z as near_x from bad)"
    part = total(bad, near, ["x", "z", "near_x", "y"], [])
    with pytest.raises(InDatabaseError, match="'near_x', 'x' nearly follow|'x', 'near_x' nearly follow"):
        penalty_path(part, ["x", "near_x"], "y", ratio=1.0, penalties=3)
    assert least_squares(part, ["x", "near_x"], "y").coefficients  # exact arithmetic tells them apart
    assert penalty_path(part, ["x", "near_x"], "y", ratio=0.5, penalties=3).coefficients[-1].all()
