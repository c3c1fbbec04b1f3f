"""The suites of this house: complete, well named, and true of the real data."""

from __future__ import annotations

import pytest

from ml.spec import load_specs
from orchestration.quality import TABLES, load_suites
from orchestration.quality.bridge import evaluate, to_check_result
from orchestration.quality.suite import Suite
from orchestration.stages.ingest import LOADERS, raw_key
from warehouse.client import Settings, open_warehouse

SUITES = {suite.table: suite for suite in load_suites()}


def test_every_raw_and_every_feature_table_has_a_suite() -> None:
    raw = {
        raw_key(name, table.name).path[-1] for name, each in LOADERS.items() for table in each.source.tables
    }
    features = {table.split(".")[1] for spec in load_specs().values() for table in spec.feature_tables}
    assert set(SUITES) >= raw | features


def test_a_module_is_named_as_its_table() -> None:
    assert tuple(SUITES) == TABLES


@pytest.mark.parametrize("table", TABLES)
def test_a_suite_looks_at_volume_freshness_and_distribution(table: str) -> None:
    names = [rule.name for rule in SUITES[table].rules]
    assert len(set(names)) == len(names)
    kinds = {name.split("_")[0] for name in names}
    wanted = (
        {"volume", "distribution"} if "airlines" in table or "air" in table or "planes" in table else set()
    )
    assert kinds >= wanted | {"volume"}
    if table.startswith("ftr_") or table.endswith(("flights", "weather")):
        assert kinds == {"volume", "freshness", "distribution"}


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_the_real_data_pass(suite: Suite, house: Settings) -> None:
    with open_warehouse(house) as wh:
        results = evaluate(suite, suite.rules, wh)
    for rule, result in zip(suite.rules, results, strict=True):
        verdict = to_check_result(raw_key("x", "y"), rule, result)
        assert verdict.passed, f"{suite.table}: {verdict.description}"
