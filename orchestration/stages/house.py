"""What every stage needs: the house as a Dagster resource, the window of a run, and one lock a stage.

Belongs here: what two stages would otherwise each write. Does not belong here: anything a single stage does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import dagster as dg

from orchestration.progress import MARK
from warehouse.client import Settings, Warehouse, load_settings, open_warehouse

START_TAG, END_TAG = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
FULL_TAG = (
    "starhouse/full"  # the range is the whole source: the stages then ask for everything, not for a window
)
FORCE_TAG = "starhouse/force"
STAGE_TAG = "starhouse/stage"
Window = tuple[date, date]


class House(dg.ConfigurableResource):
    """The settings of this house and the door to its warehouse; unset fields come from the environment."""

    home: str | None = None
    env: str | None = None
    database: str | None = None

    @property
    def settings(self) -> Settings:
        """Settings of the environment, overridden by the fields of this resource."""
        chosen = {"home": self.home, "env": self.env, "database": self.database}
        return load_settings(**{name: value for name, value in chosen.items() if value})

    @contextmanager
    def locked(self, stage: str, run: str | None = None) -> Iterator[Warehouse]:
        """An open warehouse while this session alone runs `stage` (`step` or `step:subject`); a second run of
        the stage waits its turn. Jobs of BigQuery bear the step, its subject and the run as labels.
        """
        step, _, subject = stage.partition(":")
        about = {"source" if step == "load" else "model": subject} if subject else {}
        labels = {"stage": step, **about, **({"run": run} if run else {})}
        lock = f"starhouse:{stage}"
        with open_warehouse(self.settings) as wh, wh.advisory_lock(lock), wh.labelled(**labels):
            yield wh

    @classmethod
    def of(cls, settings: Settings) -> House:
        """The resource that stands for `settings` in whatever process it lands."""
        return cls(home=str(settings.home), env=settings.env, database=settings.database)


def run_window(context: dg.AssetExecutionContext) -> Window | None:
    """First and last day (inclusive) of the run's partitions; None where the run is about everything."""
    tags = context.run.tags
    if FULL_TAG in tags:
        return None
    single = tags.get("dagster/partition")
    start, end = tags.get(START_TAG, single), tags.get(END_TAG, single)
    if not start or not end:
        return None
    return date.fromisoformat(start), date.fromisoformat(end)


def is_forced(context: dg.AssetExecutionContext) -> bool:
    """Whether this run does its work again although nothing changed."""
    return FORCE_TAG in context.run.tags


def teller(context: dg.AssetExecutionContext) -> Callable[[str], None]:
    """A function that says one line to whoever watches the run, in the terminal and in the UI."""
    return lambda words: context.log.info(f"{MARK}{words}")
