"""The jobs a person runs: load, build, train, score, monitor, and all of them in one.

Each is a selection of assets with their checks; what must come first follows from the graph. Does not
belong here: a job that does anything but select.
"""

from __future__ import annotations

import dagster as dg

JOBS = ("all", "load", "build", "train", "score", "monitor")
WAREHOUSE = ("staging", "intermediate", "core", "analytics", "features", "snapshots")
DESCRIPTIONS = {
    "all": "Load, build, check, train, promote through the gates, score, monitor, report.",
    "load": "The tables of the source into raw, with their checks.",
    "build": "Staging, star schema, marts and features, with tests and checks.",
    "train": "Training sets, fitted versions, gates and champions.",
    "score": "The champions' predictions, their endpoints, and the reports about them.",
    "monitor": "Drift of features and scores, and the reports about it.",
}
GROUPS: dict[str, tuple[str, ...]] = {
    "load": ("raw",),
    "build": WAREHOUSE,
    "train": ("training", "models"),
    "score": ("predictions", "serving", "reporting"),
    "monitor": ("monitoring", "reporting"),
}


def build_jobs(groups: set[str]) -> list[dg.UnresolvedAssetJobDefinition]:
    """The jobs, over those of their groups that have an asset."""
    jobs = [
        dg.define_asset_job(
            name,
            selection=dg.AssetSelection.groups(*sorted(groups & set(chosen))),
            description=DESCRIPTIONS[name],
        )
        for name, chosen in GROUPS.items()
    ]
    everything = dg.define_asset_job(
        "all", selection=dg.AssetSelection.all(), description=DESCRIPTIONS["all"]
    )
    return [everything, *jobs]
