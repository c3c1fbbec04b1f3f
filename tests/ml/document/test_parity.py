"""The parity check: what agrees passes, and one ulp, one test or one changed evaluator is found."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from ml.document import Document, DocumentError, Evaluator, Input
from ml.document.adversarial import NUMBERS, adversarial_rows, random_rows
from ml.document.golden import golden_rows
from ml.document.importers import import_estimator
from ml.document.mutation import mutate
from ml.document.parity import check_parity, compare, row_answers, same_bits
from ml.document.sql import scoring_sql
from ml.document.thresholds import thresholds
from ml.document.warehouse_answers import warehouse_answers
from ml.document.work_tables import WORK_SCHEMA
from tests.ml.document.documents import ODD_TEXT, every_operation, forest, logistic, weights_by_hand

NAME = "{0.name}".format


@pytest.mark.parametrize("document", [every_operation(), logistic(), forest(20, 31, divide=20.0)], ids=NAME)
def test_all_surfaces_of_hand_made_documents_agree(wh, document):
    report = check_parity(wh, document, golden=golden_rows(document, rows=100), rows=200, adversarial=2_000)
    assert report.is_equal, str(report)
    assert report.rows == {"golden": 100, "random": 200, "adversarial": 2_000}
    assert [surface.name for surface in report.surfaces] == ["python", "numpy", "sql"]
    report.require()


def test_a_fitted_linear_regression_agrees_with_rows_of_a_sample(wh):
    random = np.random.default_rng(3)
    x = random.normal(size=(300, 4)) * [1.0, 1e-6, 1e6, 1.0]
    model = LinearRegression().fit(x, x @ [1.0, 1e5, 1e-7, 0.0] + random.normal(size=300))
    document = import_estimator(model, [Input(f"x{place}", "number") for place in range(4)], "linear")
    sample = pa.table({f"x{place}": x[:, place] for place in range(4)})
    report = check_parity(wh, document, sample, http=Evaluator(document).table)
    assert report.is_equal, str(report)
    assert report.surfaces[-1].name == "http"


def test_the_table_it_used_is_gone(wh):
    check_parity(wh, logistic(), rows=5, adversarial=20)
    sql = "select count(*) from pg_tables where schemaname = %s"
    assert wh.scalar(sql, (WORK_SCHEMA,)) == 0


@pytest.mark.parametrize("document", [logistic(), forest(5, 15), weights_by_hand([0.3, -1.7, 2.9])], ids=NAME)
@pytest.mark.parametrize("seed", range(4))
def test_sql_of_a_document_that_is_one_ulp_off_is_found(wh, document, seed):
    changed = mutate(document, seed)
    assert changed.sha256 != document.sha256
    parts = {"adversarial": adversarial_rows(document)}
    report = compare(
        document,
        parts,
        {"python": lambda t: row_answers(document, t), "sql": lambda t: warehouse_answers(wh, changed, t)},
    )
    assert not report.is_equal
    assert report.surfaces[1].differing > 0


def test_one_bit_in_one_row_is_found_and_named():
    document = logistic()
    table = random_rows(document, None, 50)

    def off_by_one_bit(rows):
        answers = Evaluator(document).table(rows)
        answers.margins[17, 0] = np.nextafter(answers.margins[17, 0], math.inf)
        return answers

    surfaces = {"python": lambda t: row_answers(document, t), "http": off_by_one_bit}
    report = compare(document, {"random": table}, surfaces)
    assert report.surfaces[1].differing == 1
    (example,) = report.surfaces[1].examples
    given = table.slice(17, 1).to_pylist()[0]
    assert example.inputs["kind"] == given["kind"]
    assert example.inputs["age"] == (given["age"].hex() if given["age"] is not None else None)
    assert (example.part, example.kind) == ("margin", "random")
    assert float.fromhex(example.got) == np.nextafter(float.fromhex(example.expected), math.inf)
    json.dumps(report.to_dict())
    with pytest.raises(DocumentError, match="1 of 50 rows differ"):
        report.require()


def test_golden_rows_find_a_changed_evaluator(wh):
    document = logistic()
    golden = json.loads(json.dumps(golden_rows(document, rows=40)))
    golden[3]["margins"] = [math.nextafter(float.fromhex(golden[3]["margins"][0]), -math.inf).hex()]
    report = check_parity(wh, document, golden=golden, rows=10, adversarial=50)
    assert [surface.differing for surface in report.surfaces] == [1, 1, 1]
    assert report.surfaces[0].examples[0].kind == "golden"


def test_golden_rows_of_another_document_are_refused(wh):
    with pytest.raises(DocumentError, match="golden rows do not fit"):
        check_parity(wh, logistic(), golden=golden_rows(forest(2, 3), rows=5))


def test_a_surface_that_gives_no_answer_is_no_parity(wh):
    def down(rows):
        raise ConnectionError("nobody answers")

    report = check_parity(wh, logistic(), http=down, rows=5, adversarial=20)
    assert not report.is_equal
    assert "ConnectionError: nobody answers" in str(report)


def test_nothing_is_equal_where_python_itself_fails(wh):
    broken = compare(logistic(), {"random": random_rows(logistic(), None, 3)}, {"python": lambda t: 1 / 0,
                     "numpy": Evaluator(logistic()).table})  # fmt: skip
    assert [surface.is_equal for surface in broken.surfaces] == [False, False]


def test_the_warehouse_sees_every_bit_of_a_row(wh):
    b = logistic()
    document = Document(
        "copy", b.inputs, (replace(b.nodes[0], id="kept", op="clip", inputs=("age",), params={}),), ("kept",),
        replace(b.head, kind="identity", classes=(), cut=None), {},
    )  # fmt: skip
    table = adversarial_rows(document)
    assert scoring_sql(document, "t")
    got = warehouse_answers(wh, document, table).margins[:, 0]
    assert same_bits(got, table.column("age").to_numpy()).all()
    assert (got == 0).any() and np.signbit(got[got == 0]).any()


def test_adversarial_rows_hold_every_special_value_and_threshold():
    document = every_operation()
    table = adversarial_rows(document)
    assert repr(table.to_pylist()) == repr(adversarial_rows(document).to_pylist())
    seen = {repr(value) for value in table.column("x").to_pylist()}
    assert {repr(value) for value in NUMBERS} <= seen
    for threshold in thresholds(document)["x"]:
        wanted = {threshold, np.nextafter(threshold, math.inf), np.nextafter(threshold, -math.inf)}
        assert {repr(float(value)) for value in wanted} <= seen
    assert {None, "a", "b", "", " ", ODD_TEXT, "no such category"} <= set(table.column("c").to_pylist())
    assert {None, True, False} == set(table.column("is_new").to_pylist())


def test_thresholds_are_followed_through_scaling_to_the_input():
    document = logistic()
    found = thresholds(document)
    assert 41.3 in found["age"]
    assert {1e100, -1e100} <= set(found["debt"])


def test_a_sample_without_an_input_is_refused():
    with pytest.raises(DocumentError, match="lacks the inputs"):
        random_rows(logistic(), pa.table({"age": [1.0]}), 5)


def test_the_rows_are_bounded_for_many_inputs():
    document = weights_by_hand([1.0] * 400)
    assert adversarial_rows(document, cap=1_000).num_rows == 1_000


def test_mutations_of_one_seed_are_the_same_and_of_others_differ():
    document = forest(3, 7)
    assert mutate(document, 1).sha256 == mutate(document, 1).sha256
    assert len({mutate(document, seed).sha256 for seed in range(8)}) > 4


@pytest.mark.parametrize("kind", ["forest", "boosting", "pipeline"])
def test_fitted_models_of_several_kinds_agree(wh, kind):
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(7)
    x = random.normal(size=(600, 5)) * [1.0, 1e-3, 1e5, 1.0, 1e9]
    x[:, 3] = np.round(x[:, 3])
    target = x @ [1.0, 1e3, -1e-5, 0.4, 1e-9] + random.normal(size=600)
    model = {
        "forest": RandomForestRegressor(10, max_depth=6, random_state=1),
        "boosting": HistGradientBoostingClassifier(max_iter=15, random_state=1),
        "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    }[kind].fit(x, target if kind == "forest" else target > 0)
    document = import_estimator(model, [Input(f"x{place}", "number") for place in range(5)], kind)
    sample = pa.table({f"x{place}": x[:, place] for place in range(5)})
    report = check_parity(wh, document, sample, golden=golden_rows(document, sample, rows=50))
    assert report.is_equal, str(report)
