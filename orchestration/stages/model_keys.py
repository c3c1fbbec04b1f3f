"""Asset keys of one declared model, and which of them write the tables of schema `ml` that dbt reads.

Belongs here: names alone, so that every stage and the dbt translator agree on them.
"""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from orchestration.dbt_translator import DEFAULT_OWNER


def training_key(model: str) -> dg.AssetKey:
    """The training set of `model`."""
    return dg.AssetKey(["training", f"trn_{model}"])


def fitted_key(model: str) -> dg.AssetKey:
    """The fitted version of `model` that is put up for promotion, with its verdict."""
    return dg.AssetKey(["ml", f"mdl_{model}"])


def champion_key(model: str) -> dg.AssetKey:
    """The promoted version of `model`."""
    return dg.AssetKey(["ml", f"champion_{model}"])


def prediction_key(model: str) -> dg.AssetKey:
    """The champion's predictions."""
    return dg.AssetKey(["ml", f"prd_{model}"])


def monitor_key(model: str) -> dg.AssetKey:
    """The drift of the champion's features and score."""
    return dg.AssetKey(["ml", f"mon_{model}"])


def endpoint_key(model: str) -> dg.AssetKey:
    """The served endpoint of `model`."""
    return dg.AssetKey(["serving", f"endpoint_{model}"])


def owner_of(owner: str) -> str:
    """An owner as Dagster wants it: an address, or `team:` and one word."""
    if "@" in owner or owner.startswith("team:"):
        return owner
    word = "".join(letter if letter.isalnum() else "_" for letter in owner).strip("_")
    return f"team:{word}" if word else DEFAULT_OWNER


def table_producers(models: Iterable[str]) -> dict[dg.AssetKey, list[dg.AssetKey]]:
    """For each table of schema `ml` that dbt may read: the assets that write it."""
    names = list(models)
    fitted = [fitted_key(name) for name in names]
    champions = [champion_key(name) for name in names]
    monitors = [monitor_key(name) for name in names]
    writers = {
        "prediction": [prediction_key(name) for name in names],
        "drift": monitors,
        "drift_bin": monitors,
        "artifact": fitted,
        "model_version": fitted,
        "model_metric": fitted,
        "model_curve": fitted,
        "gate_result": fitted,
        "feature_importance": fitted,
        "contest": fitted,
        "model_champion": champions,
        "champion_sql": champions,
        "promotion_event": champions,
    }
    return {dg.AssetKey(["ml", table]): keys for table, keys in writers.items()}
