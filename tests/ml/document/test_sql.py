"""The SQL of a document: readable, safe in its names, parallel, refused before it is sent if it must be."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import sqlglot

from ml.document import Builder, DocumentError, Evaluator, Head
from ml.document.adversarial import adversarial_rows
from ml.document.layout import MAX_TREE_DEPTH, Layout
from ml.document.ops import trees as tree_op
from ml.document.parity import same_bits
from ml.document.sql import scoring_sql
from ml.document.warehouse_answers import answers_of
from tests.ml.document.documents import SOURCE, every_operation, forest, logistic, stump, weights_by_hand

EAGER_TO_PARALLEL = (
    "set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0"
)


def test_the_text_begins_with_which_model_it_is():
    lines = scoring_sql(logistic(), "t", title="churn 3\nselect 1").splitlines()
    assert lines[:2] == ["-- churn 3 select 1", f"-- document {logistic().sha256}"]
    assert lines[2] == "-- from library hand-made"
    assert lines[4] == "select"


def test_small_trees_read_as_written_by_hand():
    b = Builder("two")
    columns = [b.input("age", "number"), b.input("debt", "number")]
    trees = [stump(0, 41.5, 0.25, -0.5), stump(1, 0.1, 2.0, 3.0, test="<", missing_left=True)]
    margin = b.trees(columns, {"start": 0.1, "trees": trees}, label="margin")
    sql = scoring_sql(b.document([margin], Head("identity"), SOURCE), '"s"."t"', ["id"])
    assert (
        "\n".join(sql.splitlines()[4:])
        == """\
select
  "id",
  "margin",
  "margin" as "score",
  cast(null as integer) as "decision"
from (
  select
    "id",
    ('0.1'::float8
    + case when "age" <= '41.5'::float8
      then '0.25'::float8
      else '-0.5'::float8 end
    + case when "debt" >= '0.1'::float8
      then '3.0'::float8
      else '2.0'::float8 end) as "margin"
  from (
    select
      "id",
      nullif("age", 'NaN'::float8) as "age",
      nullif("debt", 'NaN'::float8) as "debt"
    from "s"."t" as l0
    limit all
  ) as l1
  limit all
) as answered"""
    )


def test_nothing_is_multiplied_by_one_and_no_column_renamed_to_itself():
    sql = scoring_sql(weights_by_hand([1.0, 2.0]), "t")
    assert "'1.0'::float8 *" not in sql
    assert '"margin" as "margin"' not in sql


def test_keys_may_have_names_of_inputs_and_nodes(wh):
    document = weights_by_hand([0.5, 2.0])
    wh.execute('create table t (x0 float8, x1 float8, "margin" float8)')
    with pytest.raises(DocumentError, match="keys .'margin'. have names of answers"):
        scoring_sql(document, "t", ["margin"])
    wh.execute("insert into t values (1, 2, 3), (null, 4, 5)")
    node = document.nodes[0].id
    wh.execute(f"alter table t add column \"{node}\" text default 'kept'")
    rows = wh.query(scoring_sql(document, "t", ["x0", node]) + ' order by "x0"')
    assert [(row["x0"], row[node], row["margin"]) for row in rows] == [
        (1.0, "kept", 4.6),
        (None, "kept", 8.35),
    ]


def test_names_that_would_end_a_quote_are_names(wh):
    b = Builder("odd")
    names = ['a"; drop table t; --', "select", "ü 名", "x' y", "%s", "a.b"]
    columns = [b.impute(b.input(name, "number"), 1.0) for name in names]
    weights = [0.1 * place for place in range(1, 7)]
    document = b.document([b.weighted(columns, weights, 0.0)], Head("identity"), SOURCE)
    wh.execute("create table t ()")
    wh.load_arrow("public", "odd", pa.table({name: [1.5, 2.5] for name in names}), "create")
    rows = wh.query(scoring_sql(document, "odd"))
    want = Evaluator(document).row(dict.fromkeys(names, 1.5))[0][0]
    assert rows[0]["margin"] == want


def test_a_long_sum_of_trees_over_several_levels_keeps_its_bits(wh, monkeypatch):
    monkeypatch.setattr(tree_op, "PIECE_TREES", 7)
    document = forest(50, 6, divide=3.0)
    assert Layout(document).last == 1 + 8
    wh.load_arrow("public", "rows", with_id(adversarial_rows(document, cap=1_500)), "create")
    answers = answers_of(wh.fetch_arrow(scoring_sql(document, "rows", ["id"]) + " order by id"), document)
    want = Evaluator(document).table(adversarial_rows(document, cap=1_500))
    assert same_bits(answers.margins, want.margins).all()


@pytest.mark.parametrize("document", [every_operation(), logistic(), forest(600, 4)], ids="{0.name}".format)
def test_what_a_document_computes_is_planned_in_parallel(wh, document):
    wh.load_arrow("public", "rows", adversarial_rows(document, cap=3_000), "create")
    wh.execute(EAGER_TO_PARALLEL)
    plan = wh.query(f"explain (costs off) create table o as {scoring_sql(document, 'rows')}")
    lines = [row["QUERY PLAN"] for row in plan]
    gather = next(place for place, line in enumerate(lines) if "Gather" in line)
    levels = [place for place, line in enumerate(lines) if "Subquery Scan on l" in line]
    assert levels and gather < min(levels)  # the workers compute the levels, and do not just read the rows


def test_the_deepest_tree_allowed_runs_and_one_level_more_is_refused(wh):
    document = forest(2, MAX_TREE_DEPTH + 1, 3, shape="chain")
    rows = adversarial_rows(document, cap=300)
    wh.load_arrow("public", "rows", with_id(rows), "create")
    wh.execute(EAGER_TO_PARALLEL)
    wh.execute(f"create table o as {scoring_sql(document, 'rows', ['id'])}")
    answers = answers_of(wh.fetch_arrow("select * from o order by id"), document)
    assert same_bits(answers.margins, Evaluator(document).table(rows).margins).all()
    with pytest.raises(DocumentError, match=f"1501 tests deep; allowed in SQL: {MAX_TREE_DEPTH}"):
        scoring_sql(forest(1, MAX_TREE_DEPTH + 2, 3, shape="chain"), "rows")


def test_more_columns_than_the_engine_takes_are_refused():
    with pytest.raises(DocumentError, match="columns at once; allowed"):
        scoring_sql(weights_by_hand([0.5] * 1_600), "t")


def test_a_part_of_a_sum_never_takes_a_nodes_name(monkeypatch):
    monkeypatch.setattr(tree_op, "PIECE_TREES", 1)
    b = Builder("clash")
    x = b.input("margin__0", "number")
    params = forest(3, 2, 1).nodes[0].params
    document = b.document([b.trees([x], params, label="margin")], Head("identity"), SOURCE)
    assert set(Layout(document).columns) == {"2_margin__0", "margin__1", "margin"}


@pytest.mark.parametrize("document", [every_operation(), logistic(), forest(3, 9)], ids="{0.name}".format)
def test_bigquery_would_parse_its_dialect(document):
    tree = sqlglot.parse_one(scoring_sql(document, "`d`.`t`", ["id"], dialect="bigquery"), read="bigquery")
    assert tree.named_selects[0] == "id"


def with_id(table: pa.Table) -> pa.Table:
    return table.add_column(0, "id", pa.array(range(table.num_rows), pa.int64()))


def test_a_linear_model_is_one_level_and_takes_any_constant_of_the_relation(wh):
    document = weights_by_hand([0.5, 1e60, -1e60])
    sql = scoring_sql(document, "(select x0, 1e308::float8 as x1, 'infinity'::float8 as x2 from given)")
    assert sql.count("__bounded") == sql.count("__is_plain") == 0
    wh.execute("create table given (x0 double precision)")
    wh.execute("insert into given values (null), ('NaN'), (1.5), (-1e308), (5e-324)")
    answers = answers_of(wh.fetch_arrow(sql), document)
    columns = {"x0": np.array([np.nan, np.nan, 1.5, -1e308, 5e-324]), "x1": np.full(5, 1e308)}
    want = Evaluator(document).columns({**columns, "x2": np.full(5, np.inf)}, 5)
    assert same_bits(answers.margins, want.margins).all()
