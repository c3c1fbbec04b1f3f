"""What a generalised linear model is not fitted on: the column, the value and what to do are named.

Belongs here: bad rows and separation. Does not belong here: fits of good rows (`test_glm`).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ml.indb.columns import Category, Number
from ml.indb.errors import InDatabaseError
from ml.indb.glm import fit_glm
from warehouse.client import Warehouse, WarehouseError

ROWS = """
(select i, (i * 7919 % 101)::float8 as x, (i * 104729 % 97) as z, i % 3 as three, i % 2 = 0 as even,
    case when i * 31 % 7 < 3 then 'yes' else 'no' end as label, 'one'::text as same, 4 as four,
    case when i % 2 = 0 then 'NaN'::float8 else 1 end as wrong, 'Infinity'::float8 as endless,
    case when i > 5 then i::float8 end as late, null::float8 as nothing, i::text as words,
    (i % 5)::int as counts, (i % 5 - 1) as low, i % 5 + 0.5 as cost, 1e200 as huge,
    case when i % 9 = 0 then 1e400::numeric else i end as beyond, 0 as zero, -1 as below
from generate_series(1, 200) as i)
"""
REFUSED = [
    (["x"], "label", "probit", {}, "family is 'probit'; allowed: logistic, multinomial, poisson, gamma"),
    ([], "label", "logistic", {}, "at least one feature"),
    (["x", "label"], "label", "logistic", {}, "label stand twice"),
    (
        ["words"],
        "same",
        "logistic",
        {},
        "target 'same' has 1 classes in 200 rows .* allowed for logistic: two",
    ),
    (["x"], "three", "logistic", {}, "target 'three' has 3 classes in 200 rows .* choose another family"),
    (["x"], "x", "logistic", {}, "x stand twice"),
    (["x"], "late", "logistic", {}, "target 'late' is double precision; allowed for logistic: text"),
    (["x"], "late", "poisson", {}, "target 'late' is missing in 5 rows"),
    (["x"], "label", "poisson", {}, "target 'label' is text; allowed for poisson: boolean"),
    (["x"], "low", "poisson", {}, "target 'low' is -1.0 in some row; allowed for poisson: 0 or more"),
    (["x"], "counts", "gamma", {}, "target 'counts' is 0.0 in some row; allowed for gamma: numbers above 0"),
    (["x"], "endless", "poisson", {}, "target 'endless' holds NaN or infinity"),
    (["x"], "four", "gamma", {}, "target 'four' is 4.0 in all 200 rows"),
    (["x"], "zero", "poisson", {}, "target 'zero' is 0.0 in all 200 rows"),
    (["x"], "label", "logistic", {"where": "false"}, "it has no rows"),
    (["x", "four"], "label", "logistic", {}, "column 'four' is 4.0 in all 200 rows"),
    (["x", "same"], "label", "logistic", {}, "category 'same' is 'one' in all 200 rows"),
    (["wrong"], "label", "logistic", {}, "column 'wrong': 100 rows .* such as NaN; allowed: finite"),
    (["endless"], "label", "logistic", {}, "column 'endless': 200 rows .* such as Infinity"),
    (["beyond"], "label", "logistic", {}, r"column 'beyond': 22 rows .* allowed: sizes up to 1e\+100"),
    (["huge"], "label", "logistic", {}, r"column 'huge': 200 rows .* allowed: sizes up to 1e\+100"),
    ([Number("late")], "label", "logistic", {}, "column 'late' is missing in 5 rows"),
    (["nothing"], "label", "logistic", {}, "column 'nothing' is missing in all 200 rows"),
    ([Number("words")], "label", "logistic", {}, "'words' is text where a number is needed"),
    ([Category("x")], "label", "logistic", {}, "category 'x' is double precision; allowed: text"),
    (["x"], "label", "logistic", {"weight": "below"}, "weight 'below' is -1.0 in some row; allowed: 0"),
    (["x"], "label", "logistic", {"weight": "late"}, "weight 'late' is missing in some row"),
    (["x"], "label", "logistic", {"penalty": -1.0}, r"penalty is -1\.0; allowed: 0"),
]


@pytest.mark.parametrize(("columns", "target", "family", "given", "message"), REFUSED)
def test_rows_that_cannot_be_fitted(rows_wh: Warehouse, columns, target, family, given, message):
    with pytest.raises(InDatabaseError, match=message):
        fit_glm(rows_wh, ROWS, columns, target, family, **given)
    assert left_behind(rows_wh) == 0


def left_behind(wh: Warehouse) -> int:
    return wh.scalar("select count(*) from pg_tables where schemaname = 'ml_work'")


def test_a_column_that_is_not_there(rows_wh: Warehouse):
    with pytest.raises(WarehouseError, match="nowhere"):
        fit_glm(rows_wh, ROWS, ["nowhere"], "label", "logistic")


def test_columns_that_follow_from_others(rows_wh: Warehouse):
    source = (
        f"(select *, x * 2 - z * 3 + 1 as made, case when even then 0.1 else 0.3 end as tenth from {ROWS})"
    )
    with pytest.raises(InDatabaseError, match="'made' is a weighted sum of 'x', 'z' in all 200 rows"):
        fit_glm(rows_wh, source, ["x", "z", "made"], "label", "logistic")
    with pytest.raises(InDatabaseError, match="'even=true' is a weighted sum of 'tenth'"):
        fit_glm(rows_wh, source, ["x", "tenth", Category("even")], "cost", "gamma")
    fit = fit_glm(rows_wh, source, ["x", "z", "made"], "label", "logistic", penalty=0.1)
    assert np.isfinite(fit.coefficients).all()


SEPARATED = [
    (
        "case when i > 30 then 'b' else 'a' end",
        ["i"],
        r"'i' lies between 1.0 and 30.0 .* \(complete separation",
    ),
    ("case when i > 30 or x < 50 then 'b' else 'a' end", ["i", "x"], "neither"),
    (
        "case when even or label = 'yes' then 'b' else 'a' end",
        [Category("even"), "x"],
        "'even' is 'true' in 100",
    ),
    (
        "case when late is null then 'no' else label end",
        ["late", "x"],
        "'late' is missing in 5 rows, none with",
    ),
    ("case when x + z > 90 then 'b' else 'a' end", ["x", "z"], r"sum of 'x', 'z' .* \(complete"),
    (
        "case when x + z > 90 or (x + z = 90 and even) then 'b' else 'a' end",
        ["x", "z"],
        r"\(complete|\(quasi",
    ),
    (
        "case when four * x > z then 'b' else 'a' end",
        ["x", "z", "three"],
        "sum of 'x', 'z'.* allowed: classes",
    ),
]


@pytest.mark.parametrize(("target", "columns", "message"), SEPARATED)
def test_separation_is_told(rows_wh: Warehouse, target: str, columns: list, message: str):
    source = f"(select *, {target} as t from {ROWS})"
    if message == "neither":
        assert fit_glm(rows_wh, source, columns, "t", "logistic").decrement < 1e-8
        return
    with pytest.raises(InDatabaseError, match=message):
        fit_glm(rows_wh, source, columns, "t", "logistic")
    fit = fit_glm(rows_wh, source, columns, "t", "logistic", penalty=1e-3)
    assert np.isfinite(fit.coefficients).all() and fit.deviance < fit.null_deviance


def test_separation_of_several_classes_and_of_counts(rows_wh: Warehouse):
    source = f"""(select *, case when x + z > 90 then 'c' when even then 'b' else 'a' end as t,
        case when x + z > 90 then 0 else counts end as n,
        case when even then 0 else counts end as m from {ROWS})"""
    with pytest.raises(InDatabaseError, match=r"sum of 'x', 'z' .* \(separation\)"):
        fit_glm(rows_wh, source, ["x", "z"], "t", "multinomial")
    with pytest.raises(InDatabaseError, match="'even' is 'true' in 100 rows, none with a value above 0"):
        fit_glm(rows_wh, source, ["x", Category("even")], "m", "poisson")
    assert fit_glm(rows_wh, source, ["x", "z"], "n", "poisson").decrement < 1e-8


def test_a_separating_sum_of_counts(rows_wh: Warehouse):
    """Where y is above 0 the sum of a and b is 0; it is below 0 elsewhere."""
    random = np.random.default_rng(2)
    a, is_zero = random.normal(size=300), random.random(300) < 0.3
    b = np.where(is_zero, -a - random.random(300), -a)
    y = np.where(is_zero, 0, 1 + random.poisson(2.0, 300))
    rows_wh.load_arrow("public", "apart", pa.table({"a": a, "b": b, "y": pa.array(y)}), "create")
    with pytest.raises(InDatabaseError, match=r"sum of 'a', 'b' .* \(quasi-complete"):
        fit_glm(rows_wh, "apart", ["a", "b"], "y", "poisson")


def test_more_sums_than_a_step_may_have(rows_wh: Warehouse):
    listed = ", ".join(f"(i * {at + 1} % {at + 5})::float8 as x{at}" for at in range(60))
    source = f"(select {listed}, i % 12 as t from generate_series(1, 200) as i)"
    with pytest.raises(InDatabaseError, match="60 numbers for 12 classes are .* sums a step; allowed: 30000"):
        fit_glm(rows_wh, source, [f"x{at}" for at in range(60)], "t", "multinomial", penalty=0.1)


def test_a_category_with_a_value_for_nearly_every_row(rows_wh: Warehouse):
    source = "(select i::text as name, i % 2 = 0 as t from generate_series(1, 2500) as i)"
    with pytest.raises(
        InDatabaseError, match="the model has 2501 coefficients, with categories .*'name': 2500"
    ):
        fit_glm(rows_wh, source, ["name"], "t", "logistic", penalty=0.1)
