"""Arrow in by named load jobs, Arrow out by the Storage Read API: executed by the emulator."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession

from warehouse.client import WarehouseError, load_settings, open_warehouse
from warehouse.client.bigquery.warehouse import BigQueryWarehouse

ROWS = pa.table({"id": [1, 2], "share": [0.5, None]})
COUNT = "select count(*) as n from core.a"


class Recorder(AuthorizedSession):
    """A session that keeps what is sent."""

    def __init__(self) -> None:
        super().__init__(AnonymousCredentials())
        self.sent: list[tuple[str, str, bytes]] = []

    def request(self, method, url, data=None, **given):
        self.sent.append((method, url, data or b""))
        return super().request(method, url, data=data, **given)


def test_what_a_load_asks(emulated):
    recorder = Recorder()
    with BigQueryWarehouse(emulated, recorder) as wh:
        wh.ensure_schema("core")
        with wh.labelled(model="m"):
            wh.load_arrow("core", "a", ROWS, "create", job_id="flights-2013-01-01")
    (body,) = (data for method, url, data in recorder.sent if "/upload/" in url and method == "POST")
    text = body if isinstance(body, str) else bytes(body).decode("latin1")
    asked, _ = json.JSONDecoder().raw_decode(text[text.index("{") :])
    assert asked["jobReference"]["jobId"] == "flights-2013-01-01"
    assert asked["configuration"]["labels"] == {"starhouse_env": "test", "model": "m"}
    assert asked["configuration"]["load"] == {
        "destinationTable": {
            "projectId": "test-project", "datasetId": f"{emulated.database}_core", "tableId": "a",
        },
        "sourceFormat": "PARQUET", "writeDisposition": "WRITE_EMPTY",
        "createDisposition": "CREATE_IF_NEEDED", "parquetOptions": {"enableListInference": True},
        "schema": {
            "fields": [
                {"name": "id", "type": "INTEGER", "mode": "NULLABLE"},
                {"name": "share", "type": "FLOAT", "mode": "NULLABLE"},
            ]
        },
    }  # fmt: skip


def test_a_named_load_happens_once(bigquery_wh):
    wh = bigquery_wh
    wh.ensure_schema("core")
    for _ in range(3):
        wh.load_arrow("core", "a", ROWS, "create", job_id=f"{wh.place.dataset}-first")
    for _ in range(2):
        wh.load_arrow("core", "a", ROWS, job_id=f"{wh.place.dataset}-second")
    assert wh.scalar(COUNT) == 4
    wh.load_arrow("core", "a", ROWS)
    wh.load_arrow("core", "a", ROWS)
    assert wh.scalar(COUNT) == 8


def test_a_load_that_failed_may_be_named_again(bigquery_wh):
    wh = bigquery_wh
    wh.ensure_schema("core")
    name = f"{wh.place.dataset}-mended"
    wh.load_arrow("core", "a", ROWS, "create")
    with pytest.raises(WarehouseError, match=r"Loading core\.a"):
        wh.load_arrow("core", "a", pa.table({"id": ["no number"]}), job_id=name)
    wh.load_arrow("core", "a", ROWS, job_id=name)
    wh.load_arrow("core", "a", ROWS, job_id=name)
    assert wh.scalar(COUNT) == 4


@pytest.mark.parametrize("interface", ["storage", "pages"])
def test_rows_come_by_both_interfaces(emulated, interface):
    url = emulated.warehouse_url.reveal()
    if interface == "pages":
        url = url.partition("&storage_endpoint=")[0]
    settings = load_settings(home=emulated.home, env="test", database=emulated.database, warehouse_url=url)
    many = pa.table({"id": range(5_000), "name": [f"n{i}" for i in range(5_000)]})
    with open_warehouse(settings) as wh:
        wh.ensure_schema("core")
        wh.load_arrow("core", "a", many, "create")
        found = wh.fetch_arrow("select id, name from core.a where id >= 10")
        assert found.sort_by("id").equals(many.slice(10))
        assert wh.bytes_out == found.nbytes
        assert (wh.place.storage_endpoint is None) == (interface == "pages")


def test_bytes_and_long_texts_are_written(bigquery_wh):
    wh = bigquery_wh
    wh.ensure_schema("core")
    wh.execute("create table core.t (id bigint, body text, raw bytea)")
    body, raw = "ü\n" * 400_000, bytes(range(256)) * 5_000
    wh.execute("insert into core.t (id, body, raw) values (1, %s, %s)", (body, raw))
    assert wh.query("select body, raw from core.t") == [{"body": body, "raw": raw}]
    assert wh.execute("update core.t set body = %s where raw = %s", ("short", raw)) == 1
