"""Every model as dbt compiles it for BigQuery is well typed against the contracts of what it reads, and gives
the columns of its own: Google's analyzer says so.

Belongs here: models and tests before they run. Does not belong here: what dbt makes around them, and the
forms of a model that is built by day, which are judged as they are sent (`test_two_engines`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.peers.bqemulator import BqEmulator
from tests.peers.zetasql import ZetaSql
from tests.warehouse.dbt.bigquery.judged_statements import contract, refusals
from tests.warehouse.dbt.bigquery.two_engines import TwoEngines
from warehouse.client import Warehouse

pytestmark = pytest.mark.slow


def test_every_model_and_test_is_well_typed_and_models_keep_their_contracts(
    wh: Warehouse, emulator: BqEmulator, judge: ZetaSql, tmp_path: Path
):
    engines = TwoEngines(wh, emulator, tmp_path, prefix="judged")
    engines.make_ml()
    engines.make_raw()
    compiled = [ended.node for ended in engines.dbt("bigquery", "compile").values() if is_judged(ended.node)]
    models = [node for node in compiled if node.resource_type == "model"]
    known = {
        f"{node.schema}.{prefix}{node.alias}": contract(node) for node in models for prefix in ("", "made_")
    }
    statements = [made_of(node) if node in models else node.compiled_code for node in compiled]
    assert len(models) > 35 and len(statements) > 90
    assert refusals(judge, emulator.project, engines.tables() | known, statements) == {}


def is_judged(node: Any) -> bool:
    return node.resource_type in ("model", "test")


def made_of(node: Any) -> str:
    """A table of the contract's columns, of the model's rows."""
    listed = ", ".join(f"{name} {kind}" for name, kind in contract(node).items())
    return f"create or replace table `{node.schema}`.`made_{node.alias}` ({listed}) as ({node.compiled_code})"
