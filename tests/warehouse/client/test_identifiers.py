"""Quoting: what Postgres reads back is the very name that was given, whatever is in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from warehouse.client import WarehouseError, quote

HOSTILE = ['a"b', '"; drop table x; --', "$$", "a.b", "select", "ä ö", "%s %(a)s", "x" * 63, "'", "\\"]


def test_parts_are_joined():
    assert quote("core", "dim_date") == '"core"."dim_date"'


@pytest.mark.parametrize("name", HOSTILE)
def test_postgres_reads_back_the_same_name(wh, name):
    wh.execute(f"create schema {quote(name)}; create table {quote(name, name)} ({quote(name)} bigint)")
    wh.execute(f"insert into {quote(name, name)} values (1)")
    assert wh.query(f"select {quote(name)} from {quote(name, name)}") == [{name: 1}]
    assert wh.table_exists(name, name)


@pytest.mark.parametrize("parts", [(), ("",), ("a", ""), ("x" * 64,), ("ä" * 32,), ("a\0b",), (None,), (1,)])
def test_no_usable_name(parts):
    with pytest.raises(WarehouseError, match="Quoting an identifier failed"):
        quote(*parts)


@given(st.text(min_size=1, max_size=15).filter(lambda text: "\0" not in text))
@hypothesis_settings(max_examples=200)
def test_a_quoted_name_never_ends_early(name):
    inner = quote(name)[1:-1]
    assert inner.replace('""', "").count('"') == 0
    assert inner.replace('""', '"') == name
