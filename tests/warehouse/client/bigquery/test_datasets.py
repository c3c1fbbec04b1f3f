"""Schemas become datasets where a table stands, and nowhere else."""

from __future__ import annotations

import pytest

from warehouse.client.bigquery.datasets import placed, tables_in
from warehouse.client.bigquery.place import BigQueryPlace

PLACE = BigQueryPlace("my-project", "h")


@pytest.mark.parametrize(
    ("sent", "made"),
    [
        ("SELECT a.x FROM `core`.`a` AS a", "SELECT a.x FROM `h_core`.`a` AS a"),
        ("SELECT * FROM core.a, raw.b", "SELECT * FROM `h_core`.`a`, `h_raw`.`b`"),
        ("SELECT * FROM a.b AS s, s.list AS one", "SELECT * FROM `h_a`.`b` AS s, s.list AS one"),
        ("SELECT s.x FROM `s`.`s` AS s", "SELECT s.x FROM `h_s`.`s` AS s"),
        ("SELECT core.a.x FROM core.a", "SELECT `h_core`.`a`.`x` FROM `h_core`.`a`"),
        ("SELECT EXTRACT(DAY FROM t.at) FROM s.t AS t", "SELECT EXTRACT(DAY FROM t.at) FROM `h_s`.`t` AS t"),
        ("SELECT 1 FROM s.t AS t WHERE t.a IS DISTINCT FROM t.b AND t.c LIKE t.d",
         "SELECT 1 FROM `h_s`.`t` AS t WHERE t.a IS DISTINCT FROM t.b AND t.c LIKE t.d"),
        ("SELECT 1 FROM (a.b JOIN c.d USING (k)), e.f",
         "SELECT 1 FROM (`h_a`.`b` JOIN `h_c`.`d` USING (k)), `h_e`.`f`"),
        ("SELECT 'FROM a.b', r'\\d' FROM a.b", "SELECT 'FROM a.b', r'\\d' FROM `h_a`.`b`"),
        ("SELECT * FROM `my-project`.ds.t", "SELECT * FROM `my-project`.ds.t"),
        ("SELECT * FROM ML.PREDICT(MODEL `ml`.`m`, TABLE `a`.`b`)",
         "SELECT * FROM ML.PREDICT(MODEL `h_ml`.`m`, TABLE `h_a`.`b`)"),
        ("INSERT INTO `a`.`b` (x) VALUES (1)", "INSERT INTO `h_a`.`b` (x) VALUES (1)"),
        ("MERGE INTO a.b AS t USING a.c AS s ON t.x = s.x WHEN MATCHED THEN DELETE",
         "MERGE INTO `h_a`.`b` AS t USING `h_a`.`c` AS s ON t.x = s.x WHEN MATCHED THEN DELETE"),
        ("CREATE TABLE IF NOT EXISTS a.b (x INT64)", "CREATE TABLE IF NOT EXISTS `h_a`.`b` (x INT64)"),
        ("CREATE SCHEMA IF NOT EXISTS x", "CREATE SCHEMA IF NOT EXISTS `h_x`"),
        ("DROP SCHEMA x", "DROP SCHEMA `h_x`"),
        ("SELECT * FROM core.INFORMATION_SCHEMA.TABLES",
         "SELECT * FROM `h_core`.`INFORMATION_SCHEMA`.`TABLES`"),
    ],
)  # fmt: skip
def test_names_of_tables_are_placed(sent, made):
    assert placed(sent, PLACE) == made


def test_large_values_become_parameters():
    assert placed("SELECT 'mark' AS a, 'marks' AS b", PLACE, {"mark": "large_0"}) == (
        "SELECT @large_0 AS a, 'marks' AS b"
    )


def test_tables_of_a_statement():
    assert tables_in("INSERT INTO a.b SELECT * FROM c.d AS t JOIN e.f USING (k) WHERE t.x = 1") == {
        "a.b", "c.d", "e.f",
    }  # fmt: skip
