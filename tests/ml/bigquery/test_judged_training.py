"""Training by BigQuery's SQL as ZetaSQL evaluates it: each statement accepted, each number Postgres'."""

from __future__ import annotations

import numpy as np
import pytest

from ml.indb.cofactor_scan import measure
from ml.indb.cofactor_store import CofactorStore
from ml.indb.columns import Category, Number, Weight
from ml.indb.errors import InDatabaseError
from ml.indb.linear import least_squares
from ml.indb.lossless_cells import lossless_cells
from ml.indb.robust import KINDS, robust_errors
from ml.indb.star_scan import measure_star
from ml.indb.tree_settings import TreeRows
from tests.ml.bigquery.mixed_rows import mixed_rows
from tests.ml.bigquery.training_cases import CASES, FEATURES, GENERALISED
from tests.ml.indb.star_data import made_star

pytestmark = pytest.mark.slow
ROWS = '"s"."rows"'


@pytest.fixture
def both(rows_wh, judged, load):
    """Postgres and the judge, with the same rows."""
    if judged._engine.columns("s.rows") is None:
        load("rows", mixed_rows(300))
    return rows_wh, judged


@pytest.mark.parametrize("name", CASES)
def test_both_engines_give_the_same_to_the_last_bit(both, name):
    postgres, bigquery = (CASES[name](wh, ROWS) for wh in both)
    assert postgres == bigquery


def test_cells_are_the_same(both):
    found = [lossless_cells(wh, TreeRows(ROWS, "target", **FEATURES), most_bins=8) for wh in both]
    order = [sorted(map(repr, zip(one.x.tolist(), one.y, one.weight, strict=True))) for one in found]
    assert order[0] == order[1]


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (Number("x", 1, 100.0), "allowed: 1 decimals"),
        (Number("z"), "such as NaN; allowed: finite numbers"),
        (Number("q", 2, 100.0), "is missing in [0-9]+ rows"),
        (Number("big", limit=5.0), "allowed: sizes up to 5.0"),
    ],
)
def test_what_cannot_be_summed_is_refused_in_the_same_words(both, number, reason):
    said = []
    for wh in both:
        with pytest.raises(InDatabaseError, match=reason) as caught:
            measure(wh, ROWS, [number])
        said.append(str(caught.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("family", GENERALISED)
def test_generalised_linear_models_differ_by_libm_alone(both, family):
    """Their sums are exact; the judge's exp and ln differ from Postgres' by a unit in the last place."""
    for one, two in zip(*(GENERALISED[family](wh, ROWS) for wh in both), strict=True):
        assert np.abs(np.array(one) - two).max() <= 1e-12 * np.abs(one).max()


def test_a_star_is_measured_without_its_join(rows_wh, judged, judge):
    made = made_star(3)
    for name, table in made.tables.items():
        rows_wh.load_arrow("public", name, table, "replace")
        judge.load(name, table)
    for weight in (None, Weight("w", 5)):
        measured = (made.star, made.numbers, made.categories, (), weight)
        found = [measure_star(wh, *measured).total.to_dict() for wh in (rows_wh, judged)]
        assert found[0] == found[1]


def test_days_are_kept_and_forgotten(both):
    store = CofactorStore("s", "kept", (Number("x", 2, 100.0), Number("target", 3, 100.0)), (), "day", "fold")
    windows = []
    for wh in both:
        rows = [store.measure_days(wh, ROWS, [day]) for day in ("2024-02-27", "2024-02-28", "2024-02-29")]
        store.forget_days(wh, ["2024-02-28"])
        again = store.measure_days(wh, ROWS, ["2024-02-29"])
        kept = store.window(wh, store.days(wh))
        windows.append([rows, again, store.days(wh), {fold: kept[fold].to_dict() for fold in sorted(kept)}])
    assert windows[0] == windows[1] and len(windows[0][2]) == 2


def test_what_bigquery_has_no_digits_for_is_refused(both):
    wh, judged = both
    tiny = f"(select x * '1e-20'::float8 as tiny from {ROWS} as r)"
    assert measure(wh, tiny, [Number("tiny")]).total.rows == 300
    with pytest.raises(InDatabaseError, match="column 'tiny'.*allowed on BigQuery: 19 digits behind"):
        measure(judged, tiny, [Number("tiny")])


@pytest.mark.parametrize("kind", KINDS)
def test_robust_errors_keep_thirteen_digits(both, kind):
    """Numbers without declared decimals and categories among them; Postgres' NUMERIC is exact."""
    numbers = [Number("x", 2, 100.0), Number("z2"), Number("k"), Number("target", 3, 100.0)]
    relation = f"(select x, kind, k, target, (k * k)::float8 / 7.0::float8 as z2 from {ROWS} as r)"
    measured = measure(both[0], relation, numbers, [Category("kind")])
    fit = least_squares(measured.total, ["x", "z2", "k", "kind"], "target")
    exact, scaled = (robust_errors(wh, relation, numbers, measured.types, fit, kind) for wh in both)
    apart = np.array(scaled.standard_errors) / exact.standard_errors - 1
    assert np.abs(apart).max() < 1e-13
    with pytest.raises(InDatabaseError, match="the fit had 300, or one row alone"):
        robust_errors(both[1], f"(select * from {relation} as r limit 9)", numbers, measured.types, fit, kind)
