"""The sum without guards: the bits of the evaluator, or the error that sends the rows to the guarded text.

Belongs here: that text by itself, and falling back from it. Does not belong here: the guarded text
(`test_sql`).
"""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Builder, Document, Evaluator, Head, Input
from ml.document.adversarial import adversarial_rows
from ml.document.importers import import_estimator
from ml.document.parity import same_bits
from ml.document.passes import with_settings
from ml.document.unguarded import OUT_OF_RANGE, unguarded_sql
from ml.document.warehouse_answers import answers_of
from ml.scoring_engines import TUPLE_COST, Scoring, fill
from tests.ml.document.documents import SOURCE, every_operation, logistic
from warehouse.client import WarehouseError

NAMES = ("a", "b", "c")
TINY = [0.0, -0.0, 5e-324, -5e-324, 1.5e-323, 1e-310, 3e-308, 1e-300, 1e-250, -1e-250, 1e-200, 1e-150, 1e-100]
BEYOND = [1.0000001e100, -1.0000001e100, 1e101, 1e200, -1e200, 1e308, -1.7e308, math.inf, -math.inf, math.nan]


def a_sum(
    weights: tuple[float, ...] = (3.5, -0.01, 200.0), start: float = 0.25, kind: str = "identity",
    names: tuple[str, ...] = NAMES,
) -> Document:  # fmt: skip
    b = Builder("sum")
    columns = [b.input(name, "number") for name in names]
    margin = b.weighted(columns, list(weights), start, label="margin")
    return b.document([margin], Head(kind, ("no", "yes") if kind == "sigmoid" else ()), SOURCE)


def stored(rows_wh, rows: np.ndarray) -> pa.Table:
    columns = {name: pa.array(rows[:, place], from_pandas=False) for place, name in enumerate(NAMES)}
    table = pa.table({"id": pa.array(range(len(rows)), pa.int64()), **columns})
    rows_wh.execute("drop table if exists given")
    rows_wh.load_arrow("public", "rows", table, "replace")
    return table


def agree(rows_wh, document: Document, select: str, table: pa.Table) -> None:
    given = answers_of(rows_wh.fetch_arrow(f"select * from ({select}) as s order by id"), document)
    want = Evaluator(document).table(table)
    assert same_bits(given.margins, want.margins).all()
    assert same_bits(given.scores, want.scores).all()
    assert (given.decision == want.decision).all()


@pytest.mark.parametrize("kind", ["identity", "sigmoid", "exp"])
@pytest.mark.parametrize("start", [0.25, 0.0, -1e-290])
def test_ordinary_and_tiny_rows_have_the_evaluators_bits(rows_wh, kind, start):
    random = np.random.default_rng(1)
    ordinary = random.normal(size=(300, 3)) * 10.0 ** random.integers(-8, 8, (300, 3))
    tiny = random.choice([*TINY, 1.0, 1e28, -1e28], (2_000, 3))
    spread = random.normal(size=(700, 3)) * 10.0 ** random.integers(-320, 20, (700, 3))
    document = a_sum(start=start, kind=kind)
    agree(
        rows_wh,
        document,
        unguarded_sql(document, "rows", ["id"]),
        stored(rows_wh, np.vstack([ordinary, tiny, spread])),
    )


def test_a_missing_number_gives_no_answer(rows_wh):
    document, table = a_sum(), stored(rows_wh, np.ones((3, 3)))
    rows_wh.execute("update rows set b = null where id = 1")
    found = rows_wh.query(f"select margin from ({unguarded_sql(document, 'rows', ['id'])}) as s order by id")
    want = Evaluator(document).table(table).margins[0, 0]
    assert [row["margin"] for row in found] == [want, None, want]


@pytest.mark.parametrize("value", BEYOND)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_number_beyond_the_bounds_is_an_error_and_then_answered_with_guards(rows_wh, value, place):
    document, rows = a_sum(), np.ones((4, 3))
    rows[2, place] = value
    rows[3, place], rows[3, place - 1] = value, -value * document_weight(document, place)
    table = stored(rows_wh, rows)
    with pytest.raises(WarehouseError) as failed:
        rows_wh.query(unguarded_sql(document, "(select * from rows where id in (0, 2))", ["id"]))
    assert failed.value.sqlstate == OUT_OF_RANGE
    fill(rows_wh, "warehouse", Scoring(document, "rows", ("id",)), ("public", "given"))
    agree(rows_wh, document, "select * from given", table)


def document_weight(document: Document, place: int) -> float:
    """What the number before must be multiplied by for the two terms to cancel."""
    weights = next(node for node in document.nodes if node.op == "weighted").params["weights"]
    return weights[place] / weights[place - 1] if abs(weights[place] / weights[place - 1]) < 1 else 1.0


def test_a_pipeline_that_fills_and_scales_has_it_too(rows_wh):
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(2)
    rows = random.normal(size=(500, 3)) * [1.0, 50.0, 1e6] + [3.0, -7.0, 1e5]
    fitted = make_pipeline(SimpleImputer(), StandardScaler(), Ridge()).fit(rows, rows @ [1.0, 2.0, 3e-6])
    document = import_estimator(fitted, [Input(name, "number") for name in NAMES], "ridge")
    table = stored(rows_wh, rows)
    rows_wh.execute("update rows set c = null where id % 7 = 0")
    table = rows_wh.fetch_arrow("select * from rows order by id")
    agree(rows_wh, document, unguarded_sql(document, "rows", ["id"]), table)
    rows_wh.execute("drop table if exists given")
    rows_wh.execute("update rows set a = 'inf', b = 1e250 where id = 3")
    fill(rows_wh, "warehouse", Scoring(document, "rows", ("id",)), ("public", "given"))
    agree(rows_wh, document, "select * from given", rows_wh.fetch_arrow("select * from rows order by id"))


def test_adversarial_rows_are_answered_as_ever(rows_wh):
    document = a_sum(kind="sigmoid")
    rows = adversarial_rows(document, cap=300)
    table = rows.add_column(0, "id", pa.array(range(300), pa.int64()))
    rows_wh.execute("drop table if exists given")
    rows_wh.load_arrow("public", "rows", table, "replace")
    fill(rows_wh, "warehouse", Scoring(document, "rows", ("id",)), ("public", "given"))
    agree(rows_wh, document, "select * from given", table)


def test_the_sum_is_worked_out_by_parallel_workers(rows_wh):
    names = tuple(f"x{place}" for place in range(20))
    listed = ", ".join(f"random() as {name}" for name in names)
    rows_wh.execute(f"create table wide as select id, {listed} from generate_series(1, 20000) as id")
    rows_wh.execute("vacuum analyze wide")
    select = unguarded_sql(a_sum((1.5,) * 20, names=names), "wide", ["id"])
    with with_settings(rows_wh, parallel_tuple_cost=TUPLE_COST, min_parallel_table_scan_size="0"):
        plan = rows_wh.query(f"explain create unlogged table planned as {select}")
        assert rows_wh.scalar("show parallel_tuple_cost") == TUPLE_COST
    lines = [row["QUERY PLAN"] for row in plan]
    gather = next(place for place, line in enumerate(lines) if "Gather" in line)
    assert gather < next(place for place, line in enumerate(lines) if "wide l" in line or " on l" in line)
    assert rows_wh.scalar("show parallel_tuple_cost") == "0.1"


def test_other_documents_have_no_such_text():
    apart = a_sum(weights=(1e-80, 1e80, 1.0))
    for document in (every_operation(), apart):
        assert unguarded_sql(document, "rows", ["id"]) is None
    assert (unguarded_sql(logistic(), "rows", ["id"]) is None) is not _is_plain(logistic())


def _is_plain(document: Document) -> bool:
    return {node.op for node in document.nodes} <= {"bound", "weighted", "unshift", "affine", "impute"}
