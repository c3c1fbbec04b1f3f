"""The same jobs end to end through BigQuery's interface, on the emulator, which runs them in another engine.

Its BIGNUMERIC keeps five digits behind the point: what needs more is refused there, never rounded.
"""

from __future__ import annotations

import numpy as np
import pytest

from ml.document.adversarial import adversarial_rows
from ml.document.evaluate import Evaluator
from ml.document.sql import scoring_sql
from ml.indb.class_moments import classes_of
from ml.indb.cofactor_scan import measure
from ml.indb.columns import Category, Number
from ml.indb.errors import InDatabaseError
from ml.indb.linear import least_squares
from ml.indb.linear_document import least_squares_document
from ml.indb.naive_bayes import naive_bayes
from ml.indb.train_trees import train_trees
from ml.indb.tree_settings import Boosting, Forest, Growth, TreeRows
from tests.ml.bigquery.mixed_rows import mixed_rows
from tests.ml.document.documents import forest, logistic
from tests.peers.ulps import distance
from warehouse.client.googlesql import TranslatedWarehouse

pytestmark = pytest.mark.slow
ROWS = '"s"."emulated"'
FEATURES = {"numbers": ("x", "z", "k"), "booleans": ("is_new",), "categories": ("kind",)}
SMALL = Growth(max_depth=3, min_rows=5)


@pytest.fixture
def both(rows_wh, emulator, load):
    if emulator.columns("s.emulated") is None:
        load("emulated", mixed_rows(300))
    return rows_wh, TranslatedWarehouse(emulator)


def test_sums_give_the_same_models(both):
    hashes = []
    for wh in both:
        numbers = [Number("x", 2, 100.0), Number("k"), Number("target", 3, 100.0)]
        measured = measure(wh, ROWS, numbers, [Category("kind"), Category("class")], ["class"])
        fit = least_squares(measured.total, ["x", "kind"], "target")
        bayes = naive_bayes(classes_of(measured, "class"), ["x", "k"], ["kind"])
        documents = [least_squares_document(fit, measured.kinds, "ols"), bayes.document(measured.kinds, "b")]
        hashes.append([document.sha256 for document in documents])
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("objective", ["regression", "binary"])
@pytest.mark.parametrize("trees", [Boosting(rounds=3, growth=SMALL), Forest(trees=2, growth=SMALL)])
def test_trees_are_the_same_documents(both, objective, trees):
    label = "target" if objective == "regression" else "class"
    source = f"(select r.*, weight / '8'::float8 as w from {ROWS} as r)"
    rows = TreeRows(source, label, **FEATURES, objective=objective, key="id", weight="w")
    found = [train_trees(wh, rows, trees, "trees", most_bins=16, engine="rows") for wh in both]
    assert found[0].fitted.document.sha256 == found[1].fitted.document.sha256


def test_digits_that_the_emulator_loses_are_refused(both):
    with pytest.raises(InDatabaseError, match="no number that can be summed exactly"):
        measure(both[1], f"(select * from {ROWS} as r where q is not null)", [Number("q")])


@pytest.mark.parametrize("document", [logistic(), forest(20, 6)], ids="{0.name}".format)
def test_documents_score_to_the_bit(emulator, document):
    rows = adversarial_rows(document, cap=300)
    emulator.load(f"s.scored_{document.name}", rows.add_column(0, "row_id", [list(range(rows.num_rows))]))
    text = scoring_sql(document, f"`s`.`scored_{document.name}`", ["row_id"], dialect="bigquery")
    found = sorted(emulator.run(text), key=lambda row: row["row_id"])
    want = Evaluator(document).table(rows)
    apart = distance(np.array([row["margin"] for row in found], dtype=np.float64), want.margins)
    assert (apart.differing, apart.missing) == (0, 0)
