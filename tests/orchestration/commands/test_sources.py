"""`starhouse new source`, `load` and `quarantine` on a project of their own, and the assets that follow."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import dagster as dg
import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.stages.house import House
from orchestration.stages.intake import intake_assets, stream_sensors
from tests.warehouse.loaders.intake.tiny_project import TinyProject
from warehouse.loaders import LoadError, declared_loaders

ROWS = "Order ID,customer,amount,paid_at\n" + "".join(
    f"{n},c{n % 7},{n / 4},2013-01-{n % 28 + 1:02}T00:00:00Z\n" for n in range(1, 101)
)


@pytest.fixture
def project(wh, tmp_path, monkeypatch):
    """A project without models, a folder with orders, and commands that know both."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "orders-1.csv").write_text(ROWS)
    made = TinyProject(wh.settings, tmp_path / "warehouse", {"staging/.keep": ""})
    settings = replace(wh.settings, root=tmp_path)
    monkeypatch.setattr("warehouse.client.load_settings", lambda **_: settings)
    monkeypatch.setenv("SHOP_FILES", data.as_uri())
    return made


def run(*arguments):
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_new_source_ends_with_data_in_the_warehouse_and_models_that_build(project, wh, tmp_path):
    told = run("new", "source", "files", "shop", "--read", "orders-*.csv", "--connection", "SHOP_FILES")
    assert "named by Order ID" in told and "could be the key" in told and "100" in told
    assert wh.scalar("select count(*) from raw.shop__orders") == 100
    project.dbt("build")
    rows = wh.query("select order_id, customer, amount, paid_at from staging.stg_shop__orders order by 1")
    assert len(rows) == 100 and rows[3]["amount"] == 1.0 and rows[3]["paid_at"].day == 5
    with pytest.raises(LoadError, match="there already"):
        run("new", "source", "files", "shop", "--read", "orders-*.csv", "--connection", "SHOP_FILES")
    (tmp_path / "data" / "orders-2.csv").write_text(
        "Order ID,customer,amount,paid_at\n101,[bold],nothing,\n102,ok,1,\n"
    )
    assert "quarantine list" in run("load", "shop")
    listed = run("quarantine", "list", "shop")
    assert "nothing" in listed and "orders-2.csv: row 1" in listed
    assert '"[bold]"' in run("quarantine", "show", "1")
    run("quarantine", "repair", "1", "amount=7.5")
    run("quarantine", "replay", "shop")
    assert wh.scalar('select amount from raw.shop__orders where "Order ID" = 101') == 7.5
    assert "0 rows held" in run("quarantine", "list")


def test_files_are_followed_by_asking_again(project, wh, tmp_path):
    run("new", "source", "files", "shop", "--read", "orders-*.csv", "--connection", "SHOP_FILES", "--no-load")
    told = run("stream", "shop", "--every", "0.01", "--for", "0.1")
    assert "shop: 100 rows read" in told
    assert wh.scalar("select count(*) from raw.shop__orders") == 100


def test_a_table_that_fails_ends_the_following_of_all(wh, monkeypatch):
    from orchestration.following import follow_tables
    from warehouse.loaders.intake import continuous

    ended = []

    def follow(settings, source, name, is_over, tell):
        if name == "bad":
            raise LoadError("broken", value="x", allowed="y", next_step="z")
        while not is_over():
            time.sleep(0.001)
        ended.append(name)

    monkeypatch.setattr(continuous, "follow", follow)
    with pytest.raises(LoadError, match="broken"):
        follow_tables(wh.settings, None, ["good", "bad"], math.inf, print)
    assert ended == ["good"]


def test_a_declared_source_is_assets_with_checks_and_a_stream_has_a_sensor(project, wh):
    run("new", "source", "files", "shop", "--read", "orders-*.csv", "--connection", "SHOP_FILES", "--no-load")
    loaders = declared_loaders(project.staging)
    (asset,) = intake_assets(loaders)
    assert asset.keys == {dg.AssetKey(["raw", "shop__orders"])}
    house = House.of(wh.settings)
    done = dg.materialize([asset], resources={"house": house})
    assert done.success
    checks = {check.check_name: check.passed for check in done.get_asset_check_evaluations()}
    assert checks == {"contract": True, "account": True}
    (made,) = done.asset_materializations_for_node("intake_shop__orders")
    assert made.metadata["loaded_rows"].value == 100
    assert stream_sensors(loaders) == []
    loader = loaders["shop"]
    stream = replace(loader, source=replace(loader.source, kind="kafka"))
    assert [sensor.name for sensor in stream_sensors({"shop": stream})] == ["stream_shop"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [(("new", "source", "paper", "shop", "--read", "x"), "no such kind"),
     (("new", "source", "files", "My Shop", "--read", "x"), "snake_case"),
     (("load", "nowhere"), "no such declared source")],
)  # fmt: skip
def test_what_is_wrong_is_said(project, arguments, text):
    with pytest.raises(LoadError, match=text):
        run(*arguments)
    assert not (project.staging / "shop").exists()
