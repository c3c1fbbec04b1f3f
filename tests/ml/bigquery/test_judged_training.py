"""Training by BigQuery's SQL as ZetaSQL evaluates it: each statement accepted, each number Postgres'."""

from __future__ import annotations

import numpy as np
import pytest

from ml.bigquery import TranslationError
from ml.document.dialect import POSTGRES
from ml.indb.class_moments import classes_of
from ml.indb.cofactor_scan import measure
from ml.indb.columns import Category, Number
from ml.indb.declare import declared
from ml.indb.errors import InDatabaseError
from ml.indb.glm import fit_glm
from ml.indb.kmeans import fit_kmeans
from ml.indb.linear import least_squares
from ml.indb.linear_document import least_squares_document
from ml.indb.lossless_cells import lossless_cells
from ml.indb.naive_bayes import naive_bayes
from ml.indb.robust import robust_errors
from ml.indb.star_scan import measure_star
from ml.indb.train_trees import train_trees
from ml.indb.tree_settings import Boosting, Forest, Growth, TreeRows
from tests.ml.bigquery.mixed_rows import mixed_rows
from tests.ml.indb.star_data import made_star

pytestmark = pytest.mark.slow
ROWS = '"s"."rows"'
FEATURES = {"numbers": ("x", "z", "k"), "booleans": ("is_new",), "categories": ("kind",)}
SMALL = Growth(max_depth=3, min_rows=5)


@pytest.fixture
def both(rows_wh, judged, load):
    """Postgres and the judge, with the same rows."""
    if judged._engine.columns("s.rows") is None:
        load("rows", mixed_rows(300))
    return rows_wh, judged


def test_declarations_and_cofactors_are_equal_to_the_digit(both):
    columns = ["x", "q", "k", "big", "is_new", "target"]
    found = []
    for wh in both:
        numbers = declared(wh, ROWS, columns)
        measured = measure(wh, ROWS, numbers, [Category("kind"), Category("class")], ["fold", "day"])
        found.append((numbers, {key: part.to_dict() for key, part in measured.groups.items()}))
    assert found[0] == found[1]
    assert len(found[0][1]) == 12 and found[0][0][1].decimals is None  # q is summed as NUMERIC


def test_least_squares_and_naive_bayes_are_the_same_documents(both):
    hashes = []
    for wh in both:
        numbers = [Number("x", 2, 100.0), Number("q", missing="indicator"), Number("target", 3, 100.0)]
        numbers += [Number("k")]
        measured = measure(wh, ROWS, numbers, [Category("kind"), Category("class")], ["class"])
        fit = least_squares(measured.total, ["x", "q", "kind"], "target")
        classes = classes_of(measured, "class")
        bayes = naive_bayes(classes, ["x", "k"], ["kind"])
        documents = [
            least_squares_document(fit, measured.kinds, "ols"),
            bayes.document(measured.kinds, "bayes"),
        ]
        hashes.append([document.sha256 for document in documents])
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("engine", ["rows", "cells", "memory"])
@pytest.mark.parametrize("objective", ["regression", "binary"])
def test_a_boosted_tree_is_the_same_document(both, engine, objective):
    label = "target" if objective == "regression" else "class"
    rows = TreeRows(ROWS, label, **FEATURES, objective=objective, weight="weight", time="day", validation=0.2)
    settings = Boosting(rounds=3, growth=SMALL)
    found = [train_trees(wh, rows, settings, "boosted", most_bins=16, engine=engine) for wh in both]
    assert found[0].fitted.document.sha256 == found[1].fitted.document.sha256


def test_a_forest_draws_the_same_rows(both):
    rows = TreeRows(ROWS, "class", **FEATURES, objective="binary", key="id")
    found = [train_trees(wh, rows, Forest(trees=2, growth=SMALL), "forest", most_bins=400) for wh in both]
    assert found[0].fitted.document.sha256 == found[1].fitted.document.sha256


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


@pytest.mark.parametrize("family", ["logistic", "poisson", "gamma", "multinomial"])
def test_generalised_linear_models_differ_by_libm_alone(both, family):
    """Their sums are exact; the judge's exp and ln differ from Postgres' by a unit in the last place."""
    targets = {"logistic": "class", "poisson": "weight", "gamma": "gap", "multinomial": "weight"}
    source = f"(select *, abs({POSTGRES.name_of('target')}) + 0.5::float8 as gap from {ROWS} as r)"
    fits = [fit_glm(wh, source, ["x", "k", "kind"], targets[family], family) for wh in both]
    one, two = (np.asarray(fit.coefficients) for fit in fits)
    assert fits[0].steps == fits[1].steps and fits[0].lines == fits[1].lines
    assert np.abs(one - two).max() <= 1e-12 * np.abs(one).max()
    assert np.allclose(fits[0].standard_errors, fits[1].standard_errors, rtol=1e-12, atol=0.0)


def test_clusters_are_the_same_document(both):
    found = [fit_kmeans(wh, ROWS, ["x", "target", "k"], 3, seed=4) for wh in both]
    assert found[0].document(None, "clusters").sha256 == found[1].document(None, "clusters").sha256


def test_a_star_is_measured_without_its_join(rows_wh, judged, judge):
    made = made_star(3)
    for name, table in made.tables.items():
        rows_wh.load_arrow("public", name, table, "replace")
        judge.load(name, table)
    found = [measure_star(wh, made.star, made.numbers, made.categories, ()) for wh in (rows_wh, judged)]
    assert found[0].total.to_dict() == found[1].total.to_dict()


def test_what_bigquery_has_no_digits_for_is_refused(both):
    wh, judged = both
    numbers = [Number("x", 2, 100.0), Number("k"), Number("target", 3, 100.0)]
    measured = measure(wh, ROWS, numbers)
    fit = least_squares(measured.total, ["x", "k"], "target")
    with pytest.raises(TranslationError, match="allowed: 38 digits on each side"):
        robust_errors(judged, ROWS, numbers, measured.types, fit)
