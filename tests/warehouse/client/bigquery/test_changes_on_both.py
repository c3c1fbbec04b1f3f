"""Changes of rows written once: Postgres and the emulator of BigQuery hold the same rows after each, and
refuse the same.
"""

from __future__ import annotations

import datetime

import pytest

from warehouse.client import WarehouseError

pytestmark = pytest.mark.slow
MADE = """
create table s.t (k bigint, c text, x double precision, d date, at timestamptz, z bytea,
    size integer not null default 7, label text default 'it''s');
create table s.u (k bigint, c text, x double precision)
"""
CHANGES = [
    "insert into s.t (k, c, x, d, at, z) values (1, 'a', 1, '2024-02-29', '2024-02-29 12:00+00', '\\x00ff'), "
    "(2, null, null, null, null, null), (3, 'c', -0.5, null, null, null)",
    "insert into s.u select k, c, k from s.t",
    "with w as (select k + 10 as k, c from s.t) insert into s.u (k, c) select k, c from w "
    "where c is not null",
    "insert into s.u as u (k, c, x) values (1, 'new', 2), (9, 'nine', 9) on conflict (k) do update "
    "set c = excluded.c, x = u.x + excluded.x where u.x < 5",
    "insert into s.u (k, c) select k, c from s.t union all select 20, 'twice' union all select 20, 'twice' "
    "on conflict (k) do nothing",
    "with m as (select k, c || '!' as c from s.t) update s.u as u set c = m.c, x = "
    "null from m where m.k = u.k",
    "update s.t as t set x = u.x, label = v.c from s.u as u join s.u as v on v.k = u.k where u.k = t.k + 8",
    "delete from s.u as u using s.t as t where t.k = u.k and t.c is null",
    "delete from s.u as u where not exists (select from s.t as t where t.k + 10 = u.k or t.k = u.k)",
    "update s.t set size = size + 1, c = 'b' where c is distinct from 'a'",
    "create temp table short on commit drop as select k, c from s.u; insert into s.u (k, "
    "c) select k + 100, c "
    "from short",
    "alter table s.u add column note text; update s.u set note = c where k > 100",
    "truncate s.t",
]
REFUSED = [
    "insert into s.u (k, c) values (50, 'a'), (50, 'b') on conflict (k) do update set c = excluded.c",
    "insert into s.t (k, size) values (60, null)",
]
ROWS = {"s.t": "k, c, x, d, at, z, size, label", "s.u": "*"}


def held(wh):
    return {
        table: [
            {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()}
            for row in wh.query(f"select {columns} from {table} order by k")
        ]
        for table, columns in ROWS.items()
    }


def test_both_engines_hold_the_same_rows_after_each(wh, bigquery_wh):
    for one in (wh, bigquery_wh):
        one.ensure_schema("s")
        one.execute(MADE)
    wh.execute("create unique index on s.u (k)")
    for sql in CHANGES:
        for one in (wh, bigquery_wh):
            with one.transaction() if "temp" in sql else one.advisory_lock("change"):
                one.execute(sql)
        found = [held(one) for one in (wh, bigquery_wh)]
        assert found[0] == found[1], sql
    before = held(bigquery_wh)
    for sql in REFUSED:
        for one in (wh, bigquery_wh):
            with pytest.raises(WarehouseError):
                one.execute(sql)
    assert held(bigquery_wh) == before and before["s.u"]


def test_values_of_every_type_come_back(wh, bigquery_wh):
    now = datetime.datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=datetime.UTC)
    row = {"k": 2**62, "c": 'it\'s \\ "ä"\n', "x": 0.1, "d": now.date(), "at": now, "z": b"\x00\xff'\\"}
    found = []
    for one in (wh, bigquery_wh):
        one.ensure_schema("s")
        one.execute(MADE)
        columns, values = ", ".join(row), ", ".join(f"%({name})s" for name in row)
        assert one.execute(f"insert into s.t ({columns}) values ({values})", row) == 1
        found.append(held(one)["s.t"])
    assert found[0] == found[1] == [row | {"size": 7, "label": "it's"}]
