"""When a transaction begins on BigQuery, what a failure takes back, and how declared rules are asked for."""

from __future__ import annotations

import pytest

from warehouse.client import WarehouseError
from warehouse.client.googlesql import TranslatedWarehouse, TranslationError
from warehouse.client.rules import Layout, declare, rules_of

DEFINITION = """
create table if not exists ruled.parent (name text primary key);
create table if not exists ruled.child (
    child_id bigint generated always as identity primary key,
    name text not null references ruled.parent (name),
    size bigint not null check (size > 0),
    low bigint, high bigint,
    is_best boolean,
    note jsonb,
    constraint child_order check (low <= high));
create unique index if not exists child_one_best on ruled.child (name) where is_best;
create or replace trigger child_stays before update on ruled.child
    for each row execute function ruled.refuse();
"""
declare(DEFINITION, {"ruled.child": Layout(cluster=("name",))})


class Engine:
    """Keeps what was sent; counts answer `broken`."""

    affected = -1

    def __init__(self, broken=0):
        self.sent, self.broken = [], broken

    def run(self, sql):
        self.sent.append(sql)
        if sql.startswith("SELECT (SELECT COUNT"):
            return [{f"r{n}": self.broken for n in range(sql.count(" AS r"))}]
        return []

    def columns(self, table):
        known = {"name": "STRING", "size": "INT64", "note": "STRING", "is_best": "BOOL", "low": "INT64"}
        return {"ruled.child": known | {"high": "INT64", "child_id": "INT64"}, "s.t": {"n": "INT64"},
                "ruled.parent": {"name": "STRING"}}.get(table)  # fmt: skip


class Told(TranslatedWarehouse):
    """Writes down where a transaction of the engine would begin and end."""

    def _begin(self):
        self._engine.sent.append("BEGIN")

    def _commit(self):
        self._engine.sent.append("COMMIT")

    def _rollback(self):
        self._engine.sent.append("ROLLBACK")

    def lock_until_commit(self, name):
        self._engine.sent.append(f"LOCK {name}")


def heads(engine):
    return [" ".join(text.split()[:3]) for text in engine.sent]


def test_it_begins_with_the_first_change_that_others_see():
    engine = Engine()
    wh = Told(engine)
    with wh.transaction():
        wh.execute("create table s.made as select 1 as n; insert into s.made values (2)")
        wh.query("select n from s.t")
        wh.execute("insert into s.t values (1)")
        wh.execute("delete from s.t where n = 2")
    made = ["CREATE TABLE `s`.`made`", "INSERT INTO `s`.`made`", "SELECT n FROM", "BEGIN"]
    assert heads(engine) == [*made, "INSERT INTO `s`.`t`", "DELETE FROM `s`.`t`", "COMMIT"]


def test_a_failure_takes_back_rows_and_tables_made():
    engine = Engine()
    wh = Told(engine)
    with pytest.raises(ZeroDivisionError), wh.transaction():
        wh.execute("create table s.made as select 1 as n")
        wh.execute("create temp table short as select 1 as n")
        wh.execute("insert into s.t values (1)")
        raise ZeroDivisionError
    undone = ["ROLLBACK", "DROP TABLE IF EXISTS `short`", "DROP TABLE IF EXISTS `s`.`made`"]
    assert engine.sent[-3:] == undone
    with pytest.raises(TranslationError, match="table short is not known"):
        wh.query("select n from short")


def test_a_table_is_not_defined_behind_a_change():
    wh = Told(Engine())
    with pytest.raises(TranslationError, match="before the first change"), wh.transaction():
        wh.execute("insert into s.t values (1)")
        wh.execute("create table s.made as select 1 as n")


def test_short_lived_tables_end_with_the_transaction():
    engine = Engine()
    wh = Told(engine)
    with wh.transaction():
        wh.execute("create temp table short (n integer) on commit drop; insert into short values (1)")
        wh.execute("drop table short; create temp table short as select 2 as n")
    assert heads(engine)[0] == "BEGIN"
    assert engine.sent[-2:] == ["DROP TABLE IF EXISTS `short`", "COMMIT"]


def test_rules_are_asked_for_before_the_end_and_named_as_postgres_does():
    names = [rule.name for rule in rules_of("ruled.child").rules]
    assert names == ["child_pkey", "child_name_fkey", "child_size_check", "child_order", "child_one_best"]
    engine = Engine(broken=1)
    wh = Told(engine)
    with pytest.raises(WarehouseError, match="break the rule 'child_size_check'") as refused:
        wh.execute("insert into ruled.child (name, size) values ('a', 1)")
    assert (refused.value.sqlstate, refused.value.constraint) == ("23514", "child_size_check")
    assert heads(engine)[:3] == ["LOCK ruled.child", "BEGIN", "INSERT INTO `ruled`.`child`"]
    assert "(SELECT IFNULL(MAX(`child_id`), 0) FROM `ruled`.`child`) + 1" in engine.sent[2]
    assert engine.sent[-1] == "ROLLBACK"


def test_rows_that_stay_are_not_changed_and_parents_are_asked_for():
    engine = Engine()
    wh = Told(engine)
    with pytest.raises(WarehouseError, match="stays as it is"):
        wh.execute("update ruled.child set size = 2")
    assert engine.sent == []
    wh.execute("delete from ruled.parent where name = 'a'")
    asked = [text for text in engine.sent if text.startswith("SELECT (")]
    assert len(asked) == 1 and "NOT EXISTS" in asked[0]


def test_a_declared_table_lies_as_it_was_told_and_json_comes_as_objects():
    class Answers(Engine):
        def run(self, sql):
            super().run(sql)
            return [{"note": '{"a": [1, null]}'}, {"note": None}] if sql.startswith("SELECT note") else []

    engine = Answers()
    wh = Told(engine)
    wh.execute(DEFINITION.partition("create unique")[0])
    assert engine.sent[1].endswith("CLUSTER BY `name`")
    assert wh.query("select note from ruled.child") == [{"note": {"a": [1, None]}}, {"note": None}]
