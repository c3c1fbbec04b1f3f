"""The whole job on Postgres and on the emulator of BigQuery: every relation compared row by row.

"Executed by the emulator" is what this proves. That BigQuery's own analyzer takes the statements is proved
where they are made (`tests/warehouse/dbt/bigquery`, `tests/warehouse/loaders`, `tests/ml/bigquery`).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.comparison import Compared, compare
from tests.peers.bqemulator import BqEmulator
from warehouse.client import Settings, Warehouse, load_settings, open_warehouse, subprocess_env

pytestmark = [pytest.mark.slow, pytest.mark.timeout(5400)]
SHOWN_LINES = 40
SCHEMAS = (
    "raw",
    "staging",
    "intermediate",
    "core",
    "analytics",
    "features",
    "training",
    "scoring",
    "reporting",
)
REGISTRY = ("prediction", "model_metric", "model_curve", "feature_importance", "gate_result", "drift",
            "drift_bin", "drift_bin_count", "model_champion", "champion_sql")  # fmt: skip
OF_THE_RUN = (
    "loaded_at", "load_id", "_dlt_load_id", "started_at", "finished_at", "judged_at", "promoted_at",
    "scored_at", "weather_loaded_at", "load_stamp", "event_id", "trained_at", "computed_at", "registered_at",
    "created_at", "occurred_at",
)  # fmt: skip
"""What a run writes of itself: when it was, and the ids it gave. Below, what each engine words."""
MOST_UNITS = 64
IN_ITS_WORDS = ("before", "features", "after")


@pytest.fixture(scope="module")
def other(emulator: BqEmulator, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The house on the emulator, built by the same command."""
    home: Path = tmp_path_factory.mktemp("bigquery_house")
    url = f"bigquery://{emulator.project}/whole_house?endpoint={emulator.rest_url}"
    url += f"&storage_endpoint={emulator.grpc_address}"
    settings = load_settings(env="test", home=home, database="whole_house", warehouse_url=url)
    done = subprocess.run(
        [sys.executable, "-m", "orchestration.cli", "run", "all"], cwd=settings.root,
        env=subprocess_env(settings), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        shown = "\n".join(done.stdout.splitlines()[-SHOWN_LINES:])
        pytest.fail(
            f"`starhouse run all` on the emulator ended with {done.returncode}:\n{shown}", pytrace=False
        )
    return settings


@pytest.fixture(scope="module")
def both(house: Settings, other: Settings) -> Iterator[tuple[Warehouse, Warehouse]]:
    with open_warehouse(house) as one, open_warehouse(other) as two:
        yield one, two


def compared(
    both: tuple[Warehouse, Warehouse], schemas: tuple[str, ...], only: tuple[str, ...] = ()
) -> list[Compared]:
    """Each relation of some schemas (or those named in them) on both engines, with a line of progress."""
    found = []
    for row in both[0].relations():
        if (
            row["schema"] not in schemas
            or (only and row["name"] not in only)
            or row["name"].startswith("_dlt")
        ):
            continue
        leave_out = (*OF_THE_RUN, *(IN_ITS_WORDS if row["name"] == "champion_sql" else ()))
        found.append(compare(*both, row["schema"], row["name"], leave_out))
        print(
            f"{found[-1].relation}: {found[-1].rows[0]:,} rows, differing {found[-1].differing}", flush=True
        )
    return found


def is_rounding(one: Compared) -> bool:
    """Whether nothing but the last bits of doubles differ: sums of fractions that met in another order, and
    what went through `exp` or `ln`.
    """
    return (
        one.rows[0] == one.rows[1]
        and not one.missing_columns
        and all(units is not None and units <= MOST_UNITS for _, units in one.differing.values())
    )


def test_every_relation_of_the_warehouse_has_the_same_rows(both: tuple[Warehouse, Warehouse]):
    found = compared(both, SCHEMAS)
    assert len(found) > 40
    wrong = {one.relation: one for one in found if not one.is_equal and not is_rounding(one)}
    assert not wrong


def test_models_predictions_metrics_and_drift_are_the_same(both: tuple[Warehouse, Warehouse]):
    found = {one.relation: one for one in compared(both, ("ml",), REGISTRY)}
    assert found["ml.prediction"].is_equal and found["ml.prediction"].rows[0] > 1_000_000
    wrong = {name: one for name, one in found.items() if not one.is_equal and not is_rounding(one)}
    assert not wrong
