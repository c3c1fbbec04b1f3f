"""Files as people have them: every format and wrapping, broken lines, odd bytes, changed files."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import shutil
import zipfile
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from tests.warehouse.loaders.intake.declaring import orders, source
from warehouse.client.settings import Secret
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake import bookkeeping, quarantine, versions
from warehouse.loaders.intake.connectors import files
from warehouse.loaders.intake.intake import Intake
from warehouse.loaders.intake.loader import DeclaredLoader

HEADING = b"order_id,customer,amount,paid_at\n"
FIRST = b"1,ada,9.50,2013-01-01T00:00:00Z\n"
SECOND = b'2,"bob, the ""elder""\nof York",,\n'


def load(wh, folder, table=None):
    table = table or orders(read="*")
    declared = source(orders=table)
    books = bookkeeping.positions(wh, "shop__orders") if wh.table_exists("raw", "intake_position") else {}
    batches = files.read(declared, table, Secret(folder.as_uri()), books)
    return Intake(wh, declared, table).run(batches)


def stored(wh):
    return [
        tuple(row.values()) for row in wh.query("select order_id, customer from raw.shop__orders order by 1")
    ]


@pytest.mark.parametrize(
    ("form", "wrapping"),
    [("parquet", "plain"), *((form, how) for form in ("csv", "jsonl") for how in ("plain", "gzip", "zip"))],
)
def test_every_format_in_every_wrapping_gives_the_same_rows(wh, tmp_path, form, wrapping):
    texts = {"order_id": [1, 2], "customer": ["ada", 'bob, the "elder"\nof York'], "amount": ["9.50", None]}
    content = {"csv": HEADING + FIRST + SECOND}.get(form, b"")
    if form == "jsonl":
        rows = [dict(zip(texts, row, strict=True)) for row in zip(*texts.values(), strict=True)]
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    if form == "parquet":
        parquet.write_table(pa.table(texts), tmp_path / "a.parquet")
    elif wrapping == "zip":
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr(f"inner.{form}", content)
    elif wrapping == "gzip":
        (tmp_path / f"a.{form}.gz").write_bytes(gzip.compress(content))
    else:
        (tmp_path / f"a.{form}").write_bytes(content)
    account = load(wh, tmp_path)
    assert (account.read, account.loaded) == (2, 2)
    assert stored(wh) == [(1, "ada"), (2, 'bob, the "elder"\nof York')]


def test_broken_lines_and_odd_bytes_are_held_and_the_rest_is_loaded(wh, tmp_path):
    bad = b"3,too,many,values,here\n4,caf\xe9,1,\n5,a\0b,1,\n6,good,1,2013-01-01T00:00:00+02:00\n"
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + HEADING + FIRST + bad)
    account = load(wh, tmp_path)
    assert (account.read, account.loaded, account.quarantined) == (5, 2, 3)
    assert [row[0] for row in stored(wh)] == [1, 6]
    reasons = {row.source_position: row.reason for row in quarantine.held(wh)}
    assert any("5 values where the heading has 4" in reason for reason in reasons.values())
    assert any("no UTF-8" in reason for reason in reasons.values())
    assert any("NUL" in reason for reason in reasons.values())


def test_lines_that_are_no_json_objects_are_held(wh, tmp_path):
    lines = b'{"order_id": 1}\n[1]\n{"order_id": \n\n{"order_id": 2, "customer": "x"}\n'
    (tmp_path / "a.jsonl").write_bytes(lines + b'{"order_id": NaN}\n{"order_id": 12345678901234567890123}\n')
    account = load(wh, tmp_path)
    assert (account.read, account.loaded, account.quarantined) == (6, 2, 4)


def test_a_file_is_read_again_only_when_it_changed(wh, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(HEADING + FIRST)
    assert load(wh, tmp_path).read == 1
    assert load(wh, tmp_path).read == 0
    path.write_bytes(HEADING + FIRST.replace(b"ada", b"eve") + SECOND)
    os.utime(path, (path.stat().st_mtime + 5,) * 2)
    account = load(wh, tmp_path)
    assert (account.read, account.loaded) == (2, 2)
    shutil.copy2(path, tmp_path / "copy.csv")
    assert load(wh, tmp_path).loaded == 0, "the same rows under a new name are known"


def test_a_truncated_file_ends_the_load_and_is_read_anew(wh, tmp_path):
    path, rows = tmp_path / "a.csv.gz", b"".join(b"%d,x,1,\n" % n for n in range(50_000))
    whole = gzip.compress(HEADING + rows)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LoadError, match=r"a.csv.gz cannot be read to its end"):
        load(wh, tmp_path)
    path.write_bytes(whole)
    assert load(wh, tmp_path).read == 50_000
    assert wh.scalar("select count(*) from raw.shop__orders") == 50_000


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [("a.csv", b"order_id,order_id\n1,2\n", "heading"), ("a.xls", b"x", "no known format"),
     ("a.zip", b"PK", "cannot be read"), ("b.csv", b"order_id\n1\n", "no file matches")],
)  # fmt: skip
def test_what_cannot_be_read_is_named(wh, tmp_path, name, content, text):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LoadError, match=text):
        load(wh, tmp_path, orders(read="a.*"))


def test_deletions_that_files_cannot_tell_are_refused(wh, tmp_path):
    with pytest.raises(LoadError, match="deletions cannot be followed"):
        load(wh, tmp_path, orders(read="*", deletes=True))


def test_an_address_that_is_none_is_named_without_its_secret(wh):
    with pytest.raises(LoadError, match="no usable address") as fault:
        list(files.read(source(orders=orders()), orders(), Secret("gs3://me:canary@x/y"), {}))
    assert "canary" not in str(fault.value)


def test_a_backfill_of_a_day_equals_the_original_load(wh, tmp_path, monkeypatch):
    lines = [b"%d,c%d,%d,2013-01-%02dT12:00:00Z\n" % (n, n, n, n % 3 + 1) for n in range(1, 31)]
    (tmp_path / "a.csv").write_bytes(HEADING + b"".join(lines))
    monkeypatch.setenv("SHOP_FILES", tmp_path.as_uri())
    table = orders(read="*", event_at="paid_at")
    loader = DeclaredLoader(replace(source(orders=table), connection="SHOP_FILES"))
    loader.load(wh.settings)
    day = dt.date(2013, 1, 2)
    before = versions.day_hash(wh, "shop__orders", table.key, day)
    kept = wh.query("select * from raw.intake_position")
    assert loader.load(wh.settings, day=day)[0].loaded == 0
    wh.execute("delete from raw.shop__orders where event_at::date = '2013-01-02'")
    assert versions.day_hash(wh, "shop__orders", table.key, day) != before
    (account,) = loader.load(wh.settings, day=day)
    assert (account.read, account.loaded) == (10, 10)
    assert versions.day_hash(wh, "shop__orders", table.key, day) == before
    assert wh.query("select * from raw.intake_position") == kept
    with pytest.raises(LoadError, match="by day"):
        DeclaredLoader(replace(loader.source, tables=(orders(read="*"),))).load(wh.settings, day=day)
