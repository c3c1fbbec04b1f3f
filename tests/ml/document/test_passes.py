"""Documents too large for one statement: the same bits, in parallel, and nothing left behind."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Builder, DocumentError, Evaluator, Head, layout
from ml.document.ops import trees as tree_op
from ml.document.parity import same_bits
from ml.document.passes import run_scoring, scoring_passes
from ml.document.sql import scoring_sql
from ml.document.warehouse_answers import answers_of
from ml.document.work_tables import OLD_SECONDS, WORK_SCHEMA, new_name, prepare
from tests.ml.document.documents import SOURCE, every_operation, forest, logistic, random_tree
from tests.ml.document.test_sql import EAGER_TO_PARALLEL, with_id
from warehouse.client import WarehouseError, quote

LEFT_BEHIND = f"select count(*) from pg_class where relnamespace = to_regnamespace('{WORK_SCHEMA}')"


@pytest.fixture
def small_statements(monkeypatch):
    """Limits at which small documents need passes."""
    monkeypatch.setattr(layout, "STATEMENT_SIZE", 400)
    monkeypatch.setattr(layout, "PASS_SIZE", 200)
    monkeypatch.setattr(tree_op, "PIECE_NODES", 100)


def ordinary_rows(features: int, rows: int) -> pa.Table:
    random = np.random.default_rng(1)
    columns = {"id": pa.array(range(rows), pa.int64())}
    for place in range(features):
        values = random.normal(size=rows)
        columns[f"x{place}"] = pa.array(values, pa.float64(), mask=random.random(rows) < 0.05)
    return pa.table(columns)


def three_classes() -> tuple:
    """Three sums of trees that do not fit into one level together."""
    random, b = np.random.default_rng(0), Builder("three")
    columns = [b.input(f"x{place}", "number") for place in range(5)]
    classes = [[random_tree(15, 5, random) for _ in range(9)] for _ in range(3)]
    margins = [b.trees(columns, {"start": 0.0, "trees": trees}) for trees in classes]
    return b.document(margins, Head("softmax", ("a", "b", "c")), SOURCE), ordinary_rows(5, 500)


def scored(wh, document, table):
    wh.load_arrow("public", "rows", table, "create")
    rows = run_scoring(wh, document, '"rows"', ["id"], ("public", "scored"))
    assert rows == table.num_rows
    assert not wh.scalar(LEFT_BEHIND)
    return answers_of(wh.fetch_arrow("select * from scored order by id"), document)


def agree(answers, want) -> bool:
    equal = same_bits(answers.margins, want.margins).all() and same_bits(answers.scores, want.scores).all()
    return bool(equal and (answers.decision == want.decision).all())


def test_a_small_document_is_one_statement():
    passes = scoring_passes(logistic(), "t", ["id"])
    assert not passes.statements and not passes.tables


def test_one_select_of_a_large_document_is_refused(small_statements):
    with pytest.raises(DocumentError, match="too large for one statement; allowed: "):
        scoring_sql(forest(30, 20, 8), "rows")


@pytest.mark.parametrize("divide", [0.0, 30.0])
def test_passes_give_the_bits_of_one_statement(wh, small_statements, divide):
    document, table = forest(30, 20, 8, divide=divide), ordinary_rows(8, 2_000)
    assert len(scoring_passes(document, "rows").statements) > 3
    assert agree(scored(wh, document, table), Evaluator(document).table(table))


def test_several_classes_are_spread_over_the_passes(wh, small_statements):
    document, table = three_classes()
    assert len(scoring_passes(document, "rows").statements) > 2
    assert agree(scored(wh, document, table), Evaluator(document).table(table))


def test_every_operation_stands_a_pass_by_itself(wh, monkeypatch):
    from ml.document.adversarial import adversarial_rows

    monkeypatch.setattr(layout, "PASS_SIZE", 1)
    document = every_operation()
    table = with_id(adversarial_rows(document, cap=1_000))
    assert agree(scored(wh, document, table), Evaluator(document).table(table))


def test_each_pass_is_planned_in_parallel(wh, small_statements):
    document = forest(30, 20, 8)
    wh.load_arrow("public", "rows", ordinary_rows(8, 2_000), "create")
    wh.execute(EAGER_TO_PARALLEL)
    wh.execute(f"create schema {WORK_SCHEMA}")
    passes = scoring_passes(document, '"rows"', ["id"])
    for statement in (*passes.statements, f"create table scored as {passes.select}"):
        plan = "\n".join(row["QUERY PLAN"] for row in wh.query(f"explain (costs off) {statement}"))
        assert "Subquery Scan on l" not in plan[: plan.index("Workers Planned")]
        wh.execute(statement)


@pytest.mark.parametrize("is_within", [False, True], ids=["alone", "within a transaction"])
def test_a_failure_leaves_nothing_and_is_what_the_caller_sees(wh, small_statements, is_within):
    document = forest(30, 20, 8)
    wh.load_arrow("public", "rows", ordinary_rows(8, 100), "create")
    before = wh.scalar("show jit")
    relation = "(select r.*, 1 / (id - 7) as failing from rows as r)"
    with pytest.raises(WarehouseError, match="division by zero"):
        if is_within:
            with wh.transaction():
                run_scoring(wh, document, relation, ["id", "failing"], ("public", "scored"))
        else:
            run_scoring(wh, document, relation, ["id", "failing"], ("public", "scored"))
    assert not wh.scalar(LEFT_BEHIND)
    assert not wh.table_exists("public", "scored")
    assert wh.scalar("show jit") == before


def test_a_failure_in_the_last_statement_drops_the_work(wh, small_statements):
    wh.load_arrow("public", "rows", ordinary_rows(8, 50), "create")
    wh.execute("create table scored ()")
    with pytest.raises(WarehouseError, match="already exists"):
        run_scoring(wh, forest(30, 20, 8), '"rows"', ["id"], ("public", "scored"))
    assert not wh.scalar(LEFT_BEHIND)


def test_what_a_killed_process_left_is_cleared_away(wh, monkeypatch):
    prepare(wh)
    young = new_name("scoring")
    began = time.time()
    monkeypatch.setattr(time, "time", lambda: began - OLD_SECONDS - 5)
    old = new_name("scoring")
    monkeypatch.undo()
    for name in (young, f"{old}_3", "kept_by_hand"):
        wh.execute(f"create table {quote(WORK_SCHEMA, name)} ()")
    prepare(wh)
    left = wh.query("select tablename from pg_tables where schemaname = %s", (WORK_SCHEMA,))
    assert {row["tablename"] for row in left} == {young, "kept_by_hand"}


def test_rows_too_wide_for_a_page_are_refused_before_anything_is_sent(small_statements):
    with pytest.raises(DocumentError, match="passes would keep .* columns a row"):
        scoring_passes(forest(80, 200, 1_200), "t")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "size", [(1_000, 31, "even"), (30, 4_000, "ragged"), (300, 500, "even")], ids="{0[0]}x{0[1]}".format
)
def test_large_ensembles_score_to_the_same_bits(wh, size):
    trees, leaves, shape = size
    document, table = forest(trees, leaves, shape=shape), ordinary_rows(20, 20_000)
    wh.execute(EAGER_TO_PARALLEL)
    assert agree(scored(wh, document, table), Evaluator(document).table(table))
