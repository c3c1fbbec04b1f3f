"""The Dagster UI in a real browser: `dg dev` at the root, its graph, an asset made by a click."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from orchestration.dbt_manifest import manifest_dir
from orchestration.instance import open_instance, prepare_dagster_home
from warehouse.client import Settings, open_warehouse, subprocess_env

START_SECONDS, RUN_SECONDS = 180, 150
KEY = dg.AssetKey(["raw", "nycflights13__airlines"])
GROUPS = ("raw", "core", "features", "models", "predictions", "monitoring", "reporting", "serving")


@pytest.fixture
def empty_house(fresh_database: Callable[[], Settings]) -> Settings:
    settings = fresh_database()
    manifest_dir(settings)  # parsed here, so that the start of the UI is not also a parse
    prepare_dagster_home(settings)
    return settings


@pytest.fixture
def ui(empty_house: Settings, tmp_path: Path) -> Iterator[str]:
    """Address of a running `dg dev`, stopped afterwards with all it started."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}", tmp_path / "dg.log"
    command = [str(Path(sys.executable).with_name("dg")), "dev", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("w") as out:
        process = subprocess.Popen(
            command,
            cwd=empty_house.root,
            env=subprocess_env(empty_house),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: answers(url) or process.poll() is not None, START_SECONDS)
        assert process.poll() is None and answers(url), log.read_text()[-3000:]
        yield url
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its servers too
            process.wait(timeout=10)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=5) as response:
            return response.status == 200
    except OSError:
        return False


def wait_until(is_done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_done():
            return True
        time.sleep(1)
    return is_done()


@pytest.mark.timeout(600)
def test_the_graph_is_there_and_a_click_materializes_an_asset(
    chromium: str, ui: str, empty_house: Settings
) -> None:
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(60_000)
        page.goto(f"{ui}/asset-groups")
        for group in GROUPS:
            expect(page.get_by_text(group, exact=True).first).to_be_visible(timeout=60_000)

        page.goto(f"{ui}/assets/{'/'.join(KEY.path)}")
        page.get_by_role("button", name="Materialize").first.click()
        # what the click did is looked for where it counts: in the database and in the event log
        with open_warehouse(empty_house) as wh:
            loaded = wait_until(lambda: wh.table_exists(*KEY.path), RUN_SECONDS)
            assert loaded, page.inner_text("body")[-1500:]
            assert wh.scalar("select count(*) from raw.nycflights13__airlines") == 16
        with open_instance(empty_house) as instance:
            assert wait_until(lambda: newest_run(instance).is_finished, RUN_SECONDS)
            run = newest_run(instance)
            event = instance.get_latest_materialization_event(KEY)
        assert run.status == dg.DagsterRunStatus.SUCCESS
        assert event.run_id == run.run_id
        assert event.asset_materialization.metadata["dagster/row_count"].value == 16

        page.reload()
        expect(page.get_by_text("Row count").first).to_be_visible(timeout=60_000)
        browser.close()


def newest_run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """The newest run about the asset; the home of the tests may know older ones."""
    return next(each for each in instance.get_runs() if KEY in (each.asset_selection or ()))
