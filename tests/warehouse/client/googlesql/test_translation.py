"""What a translation keeps, and what it refuses because it could not keep it. No peer runs here."""

from __future__ import annotations

import datetime

import pytest

from ml.document import DocumentError
from ml.document.sql import scoring_sql
from tests.ml.document.documents import forest
from warehouse.client.dialect import POSTGRES
from warehouse.client.googlesql import TranslatedWarehouse, TranslationError, translate
from warehouse.client.googlesql.kinds import BOOL, DECIMAL, FLOAT, INT, TEXT
from warehouse.client.googlesql.parameters import filled

COLUMNS = {"n": INT, "x": FLOAT, "c": TEXT, "b": BOOL, "d": DECIMAL, "Odd": INT}


def text_of(sql: str) -> str:
    (made,) = translate(sql, {"s.t": COLUMNS}.get).statements
    return made


@pytest.mark.parametrize(
    ("postgres", "bigquery"),
    [
        ("n / 2", "DIV(n, 2)"),
        ("x / 2", "x / 2"),
        ("sum(n)", "SUM(CAST(n AS BIGNUMERIC))"),
        ("sum(n)::bigint", "SUM(n)"),
        ("d * d", "CAST(d AS BIGNUMERIC) * CAST(d AS BIGNUMERIC)"),
        ("1.5", "CAST('1.5' AS BIGNUMERIC)"),
        ("nullif(x, 'NaN'::float8)", "IF(IS_NAN(x), NULL, x)"),
        ("num_nulls(n, c)", "(IF(n IS NULL, 1, 0) + IF(c IS NULL, 1, 0))"),
        ("width_bucket(x, '{1,2.5}'::float8[])", "RANGE_BUCKET(x, ARRAY<FLOAT64>[1.0, 2.5])"),
        ("greatest(n, 0)", "GREATEST(COALESCE(n, 0), 0)"),
        ("count(*) filter (where b is not true)", "COUNT(IF(NOT b IS TRUE, 1, NULL))"),
        ("e'it\\\\s'", "'it\\\\s'"),
        ("md5(c)", "TO_HEX(MD5(c))"),
        ("pg_typeof(x)::text", "'double precision'"),
        ('"Odd" # 3', "`Odd` ^ 3"),
    ],
)
def test_an_expression_keeps_its_meaning(postgres, bigquery):
    assert text_of(f"select {postgres} as a from s.t limit all") == f"SELECT {bigquery} AS a FROM `s`.`t`"


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("select x::bigint / c from s.t", "division of a value of kind text"),
        ("select y from s.t", "column y is not known"),
        ("select 1 from s.other", "table s.other is not known"),
        ("select mystery(x) from s.t", "function mystery has no translation"),
        ("select d * d * d * d * d from s.t", "digits behind the point; allowed on BigQuery: 38 together"),
        ("select case when b then x else c end from s.t", "a case mixes float, text"),
        ("select x::interval from s.t", "cast to INTERVAL has no translation"),
        ("select 1." + "0" * 38 + "1", "is no BIGNUMERIC"),
        ("insert into s.t (n, y) select 1, 2", "allowed: one value a column of n, x, c, b, d, Odd"),
        ("insert into s.t values (1) returning n", "returning has no translation"),
        ("select avg(n) from s.t", "a mean of a value of kind int"),
        ("select (", "no statement of Postgres that can be read"),
        ("select n from s.t natural join s.t as u", "allowed: join on, using"),
        ("select n from s.t for update", "for update has no translation"),
        ("select n from s.t limit n", "limit n has no translation; allowed: a number"),
        ("select distinct on (n) n + 1 as n, x from s.t order by n", "by which the order begins"),
        ("select distinct on (n) n, x from s.t order by x, n", "by which the order begins"),
        ("select now() - interval '1 fortnight'", "interval '1 FORTNIGHT' has no translation"),
        ("select timestamptz 'infinity'", "is no timestamp that is translated"),
        ("select right(c, n) from s.t", "allowed: a written count"),
        ("select n from s.t union all select n, x from s.t", "union of 1 and 2 columns"),
    ],
)
def test_what_could_change_a_value_is_refused(sql, reason):
    with pytest.raises(TranslationError, match=reason):
        translate(sql, {"s.t": COLUMNS}.get)


@pytest.mark.parametrize(
    ("postgres", "bigquery"),
    [
        ("select x from s.t order by x", "SELECT x FROM `s`.`t` ORDER BY IS_NAN(x) NULLS LAST, x NULLS LAST"),
        ("select min(x) as a from s.t",
         "SELECT COALESCE(MIN(IF(IS_NAN(x), NULL, x)), MIN(x)) AS a FROM `s`.`t`"),
        ("select max(n) as a from (select n from s.t) as n",
         "SELECT MAX(n.n) AS a FROM (SELECT n FROM `s`.`t`) AS n"),
        ("select sum(n) over w as a from s.t window w as (partition by c)",
         "SELECT SUM(CAST(n AS BIGNUMERIC)) OVER (PARTITION BY c) AS a FROM `s`.`t`"),
        ("select count(*) over (partition by x) as a from s.t",
         "SELECT COUNT(*) OVER (PARTITION BY FORMAT('%.17g', x + 0.0)) AS a FROM `s`.`t`"),
    ],
)  # fmt: skip
def test_what_the_engines_order_otherwise_keeps_postgres_order(postgres, bigquery):
    assert text_of(postgres) == bigquery


def test_types_are_asked_for_without_a_join_that_bigquery_has_not():
    source = "(select 1) as one left join lateral (select * from s.t as x limit 1) as r on true"
    assert text_of(f'select pg_typeof(r."n")::text as a from {source}') == "SELECT 'bigint' AS a"
    with pytest.raises(TranslationError, match="table s.other is not known"):
        translate(f"select pg_typeof(r.n)::text as a from {source.replace('s.t', 's.other')}", {}.get)


def test_parameters_are_literals_that_cannot_end_early():
    name = "it's %s \\"
    given = {"name": name, "day": datetime.date(2024, 2, 29), "many": [1, None], "x": 0.1}
    text = filled("select %(name)s, %(day)s, %(many)s, %(x)s, '5%%'", given)
    values = f"{POSTGRES.text(name)}, '2024-02-29'::date, (array[1, null]), '0.1'::float8"
    assert text == f"select {values}, '5%'"
    assert filled("select '%s'", None) == "select '%s'"
    with pytest.raises(TranslationError, match="has no value"):
        filled("select %s", [])
    assert filled("select %s", [b"\x00x"]) == "select '\\x0078'::bytea"
    with pytest.raises(TranslationError, match="is object; allowed"):
        filled("select %s", [object()])


def test_what_is_longer_than_bigquery_takes_is_not_sent():
    wide = forest(1_000, 12)
    with pytest.raises(DocumentError, match="bytes; allowed on BigQuery: 1,000,000"):
        scoring_sql(wide, "`s`.`t`", dialect="bigquery")
    assert scoring_sql(wide, '"s"."t"')


def test_a_name_stays_a_name():
    made = text_of(
        'select "a` from x; drop table y; --" from (select n as "a` from x; drop table y; --" from s.t) as q'
    )
    assert made.startswith("SELECT `a\\` from x; drop table y; --` FROM (SELECT n AS `a\\`")


def test_arrays_arrive_as_lists_and_dropped_tables_are_forgotten():
    class Engine:
        sent: list[str] = []

        def run(self, sql):
            self.sent.append(sql)
            return [{"a": '["9007199254740993", 1, null]'}] if "TO_JSON_STRING" in sql else []

        def columns(self, table):
            return {"n": "INT64"} if table == "s.t" else None

    wh = TranslatedWarehouse(Engine())
    assert wh.query("select array_agg(n) as a from s.t") == [{"a": [2**53 + 1, 1, None]}]
    wh.execute('create unlogged table "w"."made" as select n from s.t')
    assert wh.query('select n from "w"."made"') == []
    wh.execute('drop table "w"."made", "w"."other"')
    assert Engine.sent[-2:] == ["DROP TABLE `w`.`made`", "DROP TABLE `w`.`other`"]
    with pytest.raises(TranslationError, match="table w.made is not known"):
        wh.query('select n from "w"."made"')
