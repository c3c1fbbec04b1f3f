"""How a dbt node appears in Dagster: its asset key, group, owner, kinds and dependencies.

Keys are `[schema, table]` in every environment, and must stay so: a changed key loses an asset's history.
Tables of the `ml` schema come home as dbt sources; this module ties each to the assets that write it, so
that lineage runs from a fitted model to the reports. Does not belong here: running dbt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

DEFAULT_OWNER = "team:data"


def relation_key(props: Mapping[str, Any]) -> dg.AssetKey:
    """`[schema, table]` of a model or a source."""
    table = props["identifier"] if props["resource_type"] == "source" else props.get("alias") or props["name"]
    return dg.AssetKey([props["schema"], table])


class HouseTranslator(DagsterDbtTranslator):
    """The translator of this house; `producers` maps a source table's key to the assets that write that
    table.
    """

    def __init__(self, producers: Mapping[dg.AssetKey, Sequence[dg.AssetKey]] | None = None) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))
        self.producers = dict(producers or {})

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """The key `[schema, table]`."""
        return relation_key(dbt_resource_props)

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: Any) -> dg.AssetSpec:
        """The node's spec, with a dependency on a table of `ml` replaced by the assets that write it."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        props = manifest["nodes"].get(unique_id) or manifest["sources"].get(unique_id, {})
        deps: list[dg.AssetDep] = []
        for dep in spec.deps:
            made_by = self.producers.get(dep.asset_key)
            deps += [dg.AssetDep(key) for key in made_by] if made_by else [dep]
        unique = {dep.asset_key: dep for dep in deps}
        kinds = {"dbt", "postgres", str(props.get("config", {}).get("materialized", "table"))}
        return spec.replace_attributes(deps=list(unique.values()), kinds=kinds)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The schema (staging, core, …), but for what comes back from the models: that is reporting."""
        is_after_scoring = dbt_resource_props["fqn"][1:3] == ["staging", "ml"]
        return "reporting" if is_after_scoring else dbt_resource_props["schema"]

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str] | None:
        """What the model's `meta.dagster.owners` says, else the data team."""
        return super().get_owners(dbt_resource_props) or [DEFAULT_OWNER]

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The description alone: the SQL is one click away in the code, and would double the page."""
        return dbt_resource_props.get("description", "")

    def get_automation_condition(
        self, dbt_resource_props: Mapping[str, Any]
    ) -> dg.AutomationCondition | None:
        """Follow what is upstream, but never past a failed blocking check (`eager` alone ignores checks)."""
        return follow_upstream()


def follow_upstream() -> dg.AutomationCondition:
    """Materialize when something upstream was, unless one of its blocking checks failed."""
    condition = dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_blocking_checks_passed()
    return condition.with_label("follow_upstream")
