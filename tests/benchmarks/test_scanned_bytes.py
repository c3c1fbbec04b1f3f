"""BigQuery's rule for bytes: columns that are referred to, in partitions that constant conditions leave."""

from __future__ import annotations

from datetime import date

import pytest

from tests.benchmarks.scanned_bytes import Warehouse, scans

FACT = dict.fromkeys(("day", "key", "delay", "note"), "STRING") | {"day": "DATE"}
JOINED = """with s as (select * from `h_stg`.`f`),
    j as (select s.*, dim.name from s left join `h_core`.`dim` as dim on dim.key = cast(s.x as string)),
    final as (select day, x, name from j)
select * from final"""
HOUSE = Warehouse(
    columns={
        "h_core.fct": FACT, "h_core.fct__dbt_tmp": FACT, "h_core.dim": {"key": "STRING", "name": "STRING"},
        "h_raw.f": {"d": "DATE", "x": "INT64", "y": "INT64"},
    },
    views={"h_stg.f": "select d as day, x, y from (select * from `h_raw`.`f`)", "h_int.f": JOINED},
    partitions={"h_core.fct": "day", "h_raw.f": "d"},
)  # fmt: skip
DAYS = [date(2013, 11, day) for day in range(1, 8)]
ONE = "cast('2013-11-03' as date)"
CASES = {
    f"select sum(delay) from `h_core`.`fct` where day = {ONE}": {"h_core.fct": ({"day", "delay"}, 1)},
    "select count(*) from `h_core`.`fct` where key = 'a'": {"h_core.fct": ({"key"}, 7)},
    f"with r as (select * from `h_core`.`fct` where day between {ONE} and {ONE}) select key from r": {
        "h_core.fct": ({"day", "key"}, 1)
    },
    f"with a as (select * from `h_int`.`f` where day in ({ONE})) select x, name from a": {
        "h_raw.f": ({"d", "x"}, 1), "h_core.dim": ({"key", "name"}, 7),
    },
    f"""merge into `h_core`.`fct` as T using (select * from `h_core`.`fct__dbt_tmp`) as S on false
    when not matched by source and T.day in ({ONE}) then delete
    when not matched then insert (`day`, `key`) values (`day`, `key`)""": {
        "h_core.fct": (set(FACT), 1), "h_core.fct__dbt_tmp": (set(FACT), 7),
    },
    """merge into `h_core`.`dim` as T using (select 'a' as key, 'b' as name) as S on T.key = S.key
    when matched then update set name = S.name""": {"h_core.dim": ({"key", "name"}, 7)},
    "create or replace view `h_stg`.`f` as select * from `h_raw`.`f`": {},
    f"create or replace table `h_core`.`new` as (select y from `h_raw`.`f` where d < {ONE})": {
        "h_raw.f": ({"d", "y"}, 2)
    },
    f"select max(delay) from `h_core`.`fct` where day = (select max(d) from `h_raw`.`f` where d = {ONE})": {
        "h_core.fct": ({"day", "delay"}, 7), "h_raw.f": ({"d"}, 1),
    },
}  # fmt: skip


@pytest.mark.parametrize("sql", CASES)
def test_a_statement_reads_its_columns_in_the_partitions_that_are_left(sql: str):
    found = {s.table: (set(s.columns), sum(map(s.matches, DAYS))) for s in scans(sql, HOUSE)}
    assert found == CASES[sql]
