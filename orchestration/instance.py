"""The Dagster instance of the house: its home folder and configuration, made from `dagster.yaml` at the root.

Belongs here: where Dagster keeps its runs. Does not belong here: definitions, or how a run is shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.client import Settings

if TYPE_CHECKING:
    import dagster as dg

RELATIVE_HOME = ".starhouse/dagster"


def prepare_dagster_home(settings: Settings) -> Path:
    """Write `dagster.yaml` with absolute paths into the Dagster home of `settings`; return that home."""
    home = Path(settings.dagster_dir)
    home.mkdir(parents=True, exist_ok=True)
    template = (Path(settings.root) / "dagster.yaml").read_text(encoding="utf-8")
    text = template.replace(RELATIVE_HOME, home.as_posix())
    target = home / "dagster.yaml"
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        temporary = home / f".dagster.yaml.{id(text)}"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)  # whole or not at all: a second process may be reading it
    return home


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The instance of this home, for a run in this process; use it as a context manager.

    Steps' output is not captured: Dagster does that with a `tail` process a step that also takes the
    terminal away, and the run's log file has it all.
    """
    import dagster as dg
    from dagster._core.instance import InstanceRef

    uncaptured = {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
    home = str(prepare_dagster_home(settings))
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(home, overrides={"compute_logs": uncaptured}))
