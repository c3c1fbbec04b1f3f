"""`starhouse plan` on BigQuery's interface: dbt compiles for it, dry runs are asked of the emulator.

The emulator answers dry runs with 0 bytes: what is made of bytes is judged in `test_estimates`.
"""

from __future__ import annotations

import pytest

from orchestration.commands.plan import cost_table
from orchestration.dbt_compiled import build_steps
from orchestration.estimate import job_steps, price_of
from warehouse.client.cost import estimated

pytestmark = pytest.mark.slow


def test_the_steps_of_an_empty_warehouse_wait_for_their_tables_by_name(bigquery, bigquery_wh):
    costs = {one.step.name: one for one in estimated(bigquery_wh, build_steps(bigquery_wh, bigquery))}
    flights = costs["build staging.stg_nycflights13__flights"]
    assert flights.bytes is None and flights.unknown == "until raw.nycflights13__flights is built"
    assert costs["build core.dim_flight_status"].bytes == 0
    unknown = {name: one.unknown for name, one in costs.items() if one.bytes is None}
    assert len(unknown) > 20 and all(text.startswith("until ") for text in unknown.values()), unknown
    assert not any(bigquery.database in text for text in unknown.values())
    models = estimated(bigquery_wh, job_steps(bigquery_wh, bigquery, "train", ["cancelled"], with_dbt=False))
    assert {one.unknown.startswith("until ") for one in models} == {True}
    assert cost_table(models, price_of(bigquery)).row_count == len(models)
