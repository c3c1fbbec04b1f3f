"""dbt on Postgres and on the emulator of BigQuery: the same rows in every relation, built whole and by day.

"Executed by the emulator" is what this proves: that BigQuery's analyzer takes the statements is proved in
`test_judged_models`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.peers import bqemulator
from tests.peers.environment import peer_or_skip
from tests.peers.ulps import distance
from tests.peers.zetasql import ZetaSql
from tests.warehouse.dbt.bigquery.judged_statements import contract, refusals
from tests.warehouse.dbt.bigquery.two_engines import TwoEngines
from warehouse.client import Settings, open_warehouse

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
DATA = ("--exclude-resource-type", "unit_test")

# The spring clock change with the night before and after it, and the autumn one; 4 November comes later.
SPANS = ((date(2013, 3, 8), date(2013, 3, 11)), (date(2013, 11, 2), date(2013, 11, 3)))
ADDED, CHANGED = date(2013, 11, 4), date(2013, 3, 9)
MEANS = (
    "departure_delay_mean_min",
    "arrival_delay_mean_min",
    "air_time_mean_min",
    "scheduled_block_mean_min",
)
BOUNDS = {
    "agg_airport_day": {"temperature_mean_f": 8, "precipitation_sum_in": 8},
    "agg_carrier_month": dict.fromkeys(MEANS[:2], 1),
    "agg_route_month": dict.fromkeys(MEANS[1:], 1),
}
"""Units in the last place. A sum of decimal fractions depends on the order in which an engine meets the rows
(2 were measured). A mean of whole numbers is rounded twice in Postgres, once to 16 decimals (1 was measured).
"""


@pytest.fixture
def engines(fresh_database: Callable[[], Settings], tmp_path: Path) -> Iterator[TwoEngines]:
    python = peer_or_skip("bqemulator", bqemulator.REQUIREMENTS)
    with bqemulator.BqEmulator(python) as emulator, open_warehouse(fresh_database()) as wh:
        made = TwoEngines(wh, emulator, tmp_path)
        for start, end in SPANS:
            made.load(start, end)
        made.copy_raw()
        made.make_ml()
        yield made


def test_every_relation_is_the_same_built_whole_and_by_day(engines: TwoEngines, judge: ZetaSql):
    engines.build(*DATA)
    first = compared(engines)
    engines.put_registry()
    engines.load(ADDED, ADDED)
    engines.wh.execute(
        """update raw.nycflights13__flights
        set arr_delay = arr_delay + 20, loaded_at = loaded_at + interval '1 day'
        where partition_date = %(day)s and arr_delay is not null and mod(flight, 3) = 0""",
        {"day": CHANGED},
    )
    engines.copy_raw()
    engines.build(*DATA)
    assert compared(engines) > first > 50_000
    unit_tests = engines.dbt("bigquery", "test", "--select", "test_type:unit")
    assert len(unit_tests) > 20 and {ended.outcome for ended in unit_tests.values()} == {("pass", 0)}
    sent = engines.statements()
    assert sum("merge into" in statement for statement in sent) > 20
    # By the contracts: the emulator itself holds its widest decimals as narrower ones.
    models = [ended.node for ended in engines.nodes.values() if ended.node.resource_type == "model"]
    typed = {f"{engines.prefix}_{node.schema}.{node.alias}": contract(node) for node in models}
    assert refusals(judge, engines.emulator.project, engines.tables() | typed, sent) == {}


def compared(engines: TwoEngines) -> int:
    """How many rows are the same in both, to the last bit but for sums of doubles."""
    count = 0
    for schema, name in engines.relations():
        bounds = BOUNDS.get(name, {})
        here, there = (in_order(rows, bounds) for rows in engines.rows(schema, name))
        assert [key for key, _ in here] == [key for key, _ in there], f"{schema}.{name}"
        for column, bound in bounds.items():
            columns = [np.array([row[column] for _, row in rows], dtype=float) for rows in (here, there)]
            apart = distance(*columns)
            assert apart.missing == 0 and apart.largest <= bound, (name, column, apart)
        count += len(here)
    return count


def in_order(rows: list[dict[str, Any]], loose: Mapping[str, int]) -> list[tuple[str, dict[str, Any]]]:
    """Rows in an order of their own, each with a text of all but its loose values, doubles in all bits."""

    def text(row: dict[str, Any]) -> str:
        kept = sorted((column, value) for column, value in row.items() if column not in loose)
        return repr([(column, plain(value)) for column, value in kept])

    return sorted(((text(row), row) for row in rows), key=lambda pair: pair[0])


def plain(value: Any) -> Any:
    """A double as all its bits, a decimal without zeros at its end."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.hex() if isinstance(value, float) else value
