"""What becomes of changes of rows and of definitions, and what is refused. No peer runs here."""

from __future__ import annotations

import pytest

from warehouse.client.googlesql import TranslationError, translate
from warehouse.client.googlesql.kinds import DATE, DECIMAL, FLOAT, INT, TEXT, TIMESTAMP

T = {"n": INT, "x": FLOAT, "c": TEXT, "d": DECIMAL, "at": TIMESTAMP, "day": DATE}
TABLES = {"s.t": T, "s.u": {"n": INT, "c": TEXT, "x": FLOAT}}
ONCE = (
    "IF(COUNT(*) OVER (PARTITION BY `n`) > 1, ERROR('ON CONFLICT DO UPDATE "
    "cannot affect a row a second time'), `n`)"
)
WITH_C = "(WITH c AS (SELECT n FROM `s`.`t`) SELECT * FROM c) AS c"


@pytest.mark.parametrize(
    ("postgres", "bigquery"),
    [
        ("insert into s.t (n, x, c, d, day) values (1, 2, null, 1.5, "
         "'2024-01-01'), (default, 1, 'a', 1, null)",
         "INSERT INTO `s`.`t` (`n`, `x`, `c`, `d`, `day`) VALUES (1, CAST(2 AS "
         "FLOAT64), CAST(NULL AS STRING), "
         "CAST(CAST('1.5' AS BIGNUMERIC) AS NUMERIC), CAST('2024-01-01' AS "
         "DATE)), (DEFAULT, CAST(1 AS FLOAT64), "
         "'a', CAST(CAST(1 AS BIGNUMERIC) AS NUMERIC), CAST(NULL AS DATE))"),
        ("insert into s.u select n, c, n from s.t",
         "INSERT INTO `s`.`u` (`n`, `c`, `x`) SELECT `f0_` AS `n`, `f1_` AS "
         "`c`, CAST(`f2_` AS FLOAT64) AS `x` FROM "
         "(SELECT n AS f0_, c AS f1_, n AS f2_ FROM `s`.`t`) AS given"),
        ("with w as (select n, c from s.t) insert into s.u (n, c) select n, c from w",
         "INSERT INTO `s`.`u` (`n`, `c`) WITH w AS (SELECT n, c FROM `s`.`t`) SELECT n, c FROM w"),
        ("insert into s.u as u (n, x) values (1, 2.5::float8) on conflict (n) "
         "do update set x = u.x + excluded.x "
         "where x > 3",
         "MERGE INTO `s`.`u` AS u USING (SELECT 1 AS `n`, CAST(CAST('2.5' AS "
         "BIGNUMERIC) AS FLOAT64) AS `x`) AS "
         "excluded ON u.`n` = excluded.`n` WHEN MATCHED AND u.x > 3 THEN "
         "UPDATE SET `x` = u.x + excluded.x WHEN "
         "NOT MATCHED THEN INSERT (`n`, `x`) VALUES (excluded.`n`, excluded.`x`)"),
        ("insert into s.u (n, c) select n, c from s.t on conflict (n) do update set c = excluded.c",
         f"MERGE INTO `s`.`u` AS u USING (SELECT {ONCE} AS `n`, `c` FROM "
         f"(SELECT n, c FROM `s`.`t`) AS given) AS "
         "excluded ON u.`n` = excluded.`n` WHEN MATCHED THEN UPDATE SET `c` = "
         "excluded.c WHEN NOT MATCHED THEN "
         "INSERT (`n`, `c`) VALUES (excluded.`n`, excluded.`c`)"),
        ("insert into s.u (n, c) select n, c from s.t on conflict (n) do nothing",
         "MERGE INTO `s`.`u` AS u USING (SELECT * FROM (SELECT n, c FROM "
         "`s`.`t`) AS given WHERE TRUE QUALIFY "
         "ROW_NUMBER() OVER (PARTITION BY `n`) = 1 OR `n` IS NULL) AS excluded "
         "ON u.`n` = excluded.`n` WHEN NOT "
         "MATCHED THEN INSERT (`n`, `c`) VALUES (excluded.`n`, excluded.`c`)"),
        ("with c as (select n from s.t) update s.u d set x = c.n from c where c.n = d.n",
         f"UPDATE `s`.`u` AS d SET `x` = CAST(c.n AS FLOAT64) FROM {WITH_C} WHERE (c.n = d.n)"),
        ("update s.u as u set c = t.c from s.t as t join s.t as v on v.n = t.n where u.n = t.n",
         "UPDATE `s`.`u` AS u SET `c` = t.c FROM `s`.`t` AS t CROSS JOIN `s`.`t` AS v WHERE (v.n = t.n) AND "
         "(u.n = t.n)"),
        ("update s.u set c = default", "UPDATE `s`.`u` SET `c` = DEFAULT WHERE TRUE"),
        ("delete from s.u as p using s.t as w where w.n = p.n",
         "DELETE FROM `s`.`u` AS p WHERE EXISTS(SELECT 1 AS f0_ FROM `s`.`t` AS w WHERE w.n = p.n)"),
        ("delete from s.u", "DELETE FROM `s`.`u` WHERE TRUE"),
        ("truncate s.u", "TRUNCATE TABLE `s`.`u`"),
        ("create temp table x (a integer primary key, b timestamptz not null default now()) on commit drop",
         "CREATE TEMP TABLE `x` (`a` INT64 NOT NULL, `b` TIMESTAMP DEFAULT CURRENT_TIMESTAMP() NOT NULL)"),
        ("create unlogged table w.x as select n from s.t with no data",
         "CREATE TABLE `w`.`x` AS SELECT * FROM (SELECT n FROM `s`.`t`) AS given LIMIT 0"),
        ("create or replace view s.v as select n from s.t",
         "CREATE OR REPLACE VIEW `s`.`v` AS SELECT n FROM `s`.`t`"),
        ("alter table s.t add column if not exists j jsonb",
         "ALTER TABLE `s`.`t` ADD COLUMN IF NOT EXISTS `j` STRING"),
        ("alter table s.t rename to v", "ALTER TABLE `s`.`t` RENAME TO `v`"),
        ("comment on table s.t is 'it''s'", "ALTER TABLE `s`.`t` SET OPTIONS(description = 'it\\'s')"),
    ],
)  # fmt: skip
def test_a_statement_keeps_its_meaning(postgres, bigquery):
    assert translate(postgres, TABLES.get).statements == (bigquery,)


@pytest.mark.parametrize(
    "sql",
    ["create index i on s.t (n)", "analyze s.t", "set local work_mem = '1MB'",
     "alter table s.t add constraint k primary key (n)"],
)  # fmt: skip
def test_what_bigquery_has_not_is_nothing(sql):
    assert translate(sql, TABLES.get).statements == ()


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("insert into s.u (n, c) values (1, 'a') on conflict do nothing", "names no key"),
        ("insert into s.u (c) values ('a') on conflict (n) do nothing", "by n, which the insert leaves out"),
        ("insert into s.u (n) values (1), (2, 3)", "one value a column"),
        ("insert into s.other values (1)", "table s.other is not known"),
        ("update s.u set y = 1", "allowed: columns of s.u"),
        ("update s.u set x = t.x from s.t as t left join s.t as v on v.n = t.n", "from an outer join"),
        ("delete from s.u where n = 1 returning c", "returning has no translation"),
        ("create sequence s.q", "allowed: create table, view, schema, index"),
        ("create table s.p partition of s.t for values in ('a')", "has no translation"),
        ("create table s.q (a tsvector)", "column type tsvector has no translation"),
        ("alter table s.t alter column n type text", "altercolumn has no translation"),
        ("lock table s.t in exclusive mode", "has no translation"),
        ("select 1; select 2", "holds 2 statements"),
    ],
)
def test_what_has_no_translation_is_refused_by_name(sql, reason):
    with pytest.raises(TranslationError, match=reason):
        translate(sql, TABLES.get)
