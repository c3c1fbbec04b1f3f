"""Dry runs: what is sent for them, and what is made of their bytes. The server is ours (`dry_runs`)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.warehouse.client.bigquery.dry_runs import PROJECT, DryRuns
from warehouse.client import SettingsError, Warehouse, WarehouseError, load_settings, open_warehouse
from warehouse.client.cost import Step, estimated, total_of

FILES = {
    "models/m/model.bst": b"\x00booster",
    "models/m/assets/model_metadata.json": b"{}",
    "models/other": b"x",
}


@pytest.fixture
def server() -> Iterator[DryRuns]:
    made = DryRuns({"f_core.a": 3 * 2**30, "f_core.b": 5}, FILES)
    yield made
    made.close()


@pytest.fixture
def wh(server: DryRuns, tmp_path) -> Iterator[Warehouse]:
    url = (
        f"bigquery://{PROJECT}/f?price_per_tib=5.5&export_uri=gs://a-bucket/models&endpoint={server.endpoint}"
    )
    with open_warehouse(load_settings(env="test", home=tmp_path, database=None, warehouse_url=url)) as opened:
        yield opened


def test_bytes_and_money_come_from_dry_runs(wh, server):
    costs = estimated(
        wh,
        [
            Step(
                "train",
                "both",
                "select a.id from core.a join core.b on b.id = a.id where a.id > %(n)s",
                {"n": 1},
            ),
            Step("build", "compiled", f"select * from `{PROJECT}`.`f_core`.`a`", is_own=True),
            Step("train", "scans", "select id from core.b", times=4),
            Step("score", "not there", "select id from core.c"),
            Step("build", "not there", f"select * from `{PROJECT}`.`f_core`.`c`", is_own=True),
        ],
    )
    assert [one.bytes for one in costs] == [3 * 2**30 + 5, 3 * 2**30, 20, None, None]
    assert [one.unknown for one in costs[3:]] == ["until core.c is built"] * 2
    price = wh.settings.bigquery.price_per_tib
    assert price == 5.5 and costs[1].money(price) == 3 / 1024 * 5.5
    assert total_of(costs, price)[0] == 6 * 2**30 + 25
    for job in server.jobs:
        assert job["dryRun"] is True and job["query"]["useQueryCache"] is False
        assert job["query"]["useLegacySql"] is False and job["labels"] == {"starhouse_env": "test"}
    assert "`f_core`.`a`" in server.jobs[0]["query"]["query"]


def test_a_folder_of_a_bucket_is_read(wh):
    assert wh.export_uri == "gs://a-bucket/models"
    assert wh.read_folder("gs://a-bucket/models/m") == {
        "model.bst": b"\x00booster", "assets/model_metadata.json": b"{}",
    }  # fmt: skip
    with pytest.raises(WarehouseError, match="holds no file"):
        wh.read_folder("gs://a-bucket/none")
    with pytest.raises(WarehouseError, match=r"403 .*Storage Object Viewer"):
        wh.read_folder("gs://b-bucket/m")
    with pytest.raises(WarehouseError, match="Allowed: gs://bucket/folder"):
        wh.read_folder("gs://a-bucket")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("price_per_tib=free", "price_per_tib .* 'free'. Allowed: dollars"),
        ("price_per_tib=-1", "price_per_tib .* '-1'"),
        ("export_uri=/tmp/models", "export_uri .* '/tmp/models'. Allowed: a folder of a bucket"),
    ],
)
def test_options_that_cannot_be_used_are_refused(tmp_path, option, said):
    with pytest.raises(SettingsError, match=said):
        load_settings(
            env="test", home=tmp_path, database=None, warehouse_url=f"bigquery://{PROJECT}/f?{option}"
        )


def test_the_emulator_answers_a_dry_run_with_nothing_read(bigquery_wh):
    bigquery_wh.ensure_schema("core")
    bigquery_wh.execute("create table core.a (id integer)")
    here, gone = estimated(
        bigquery_wh, [Step("build", name, f"select id from core.{name}") for name in ("a", "gone")]
    )
    assert here.bytes == 0 and gone.unknown == "until core.gone is built"
