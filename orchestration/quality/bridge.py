"""From a quality suite to Dagster asset checks, run in the database by Great Expectations.

The stock integration does not work with Great Expectations 1.x. All rules of a table are one op: opening a
batch costs 0.05 s, a rule about 0.03 s, the import 3.4 s, so it is imported only inside the op. Rows never
leave the warehouse: the expectations run as SQL. Does not belong here: which rules there are.
"""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from orchestration.quality.suite import Rule, Suite
from orchestration.stages.house import STAGE_TAG, House
from warehouse.client import SqlAlchemySource, Warehouse, open_warehouse, quote, sqlalchemy_source

QUERY = "unexpected_rows_query"
SHOWN = ("observed_value", "element_count", "unexpected_count", "unexpected_percent", "missing_count")


def suite_checks(suite: Suite) -> dg.AssetChecksDefinition:
    """The asset checks of one suite."""
    key = dg.AssetKey([suite.schema, suite.table])
    specs = [
        dg.AssetCheckSpec(rule.name, asset=key, description=rule.description, blocking=rule.is_blocking)
        for rule in suite.rules
    ]

    @dg.multi_asset_check(
        name=f"check_{suite.schema}__{suite.table}",
        specs=specs,
        can_subset=True,
        op_tags={STAGE_TAG: "check"},
    )
    def check(context: dg.AssetCheckExecutionContext, house: House) -> Iterator[dg.AssetCheckResult]:
        wanted = {selected.name for selected in context.selected_asset_check_keys}
        rules = [rule for rule in suite.rules if rule.name in wanted]
        with open_warehouse(house.settings) as wh:
            results = evaluate(suite, rules, wh)
        for rule, result in zip(rules, results, strict=True):
            yield to_check_result(key, rule, result)

    return check


def evaluate(suite: Suite, rules: Sequence[Rule], wh: Warehouse) -> list[Any]:
    """Great Expectations' results of `rules`, in their order, from an open warehouse."""
    import great_expectations as gx

    there = sqlalchemy_source(wh)

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    # The generic source: the one for Postgres refuses a URL that names a socket's folder instead of a host.
    warnings.filterwarnings("ignore", message="You are using a generic SQLDatasource")
    source = context.data_sources.add_sql(
        "warehouse", connection_string=there.url.replace("$", "\\$"), kwargs=there.arguments
    )
    asset = source.add_table_asset(
        suite.table, schema_name=there.schema_of(suite.schema), table_name=suite.table
    )
    batch = asset.add_batch_definition_whole_table("all").get_batch()
    expectations = [
        {"type": rule.expectation, "kwargs": _arguments(suite, rule, there), "meta": {"rule": rule.name}}
        for rule in rules
    ]
    try:
        found = batch.validate(
            gx.ExpectationSuite(name=suite.table, expectations=expectations), result_format="SUMMARY"
        )
    finally:
        source.get_execution_engine().engine.dispose()  # else its connections stay open
    by_name = {result.expectation_config.meta["rule"]: result for result in found.results}
    return [by_name[rule.name] for rule in rules]


def _arguments(suite: Suite, rule: Rule, there: SqlAlchemySource) -> dict[str, Any]:
    """The rule's arguments; a query of its own in the words of the engine."""
    arguments = dict(rule.arguments)
    if QUERY in arguments:
        whole = arguments[QUERY].replace("{batch}", quote(suite.schema, suite.table))
        arguments[QUERY] = there.sql_of(whole)
    return arguments


def to_check_result(key: dg.AssetKey, rule: Rule, result: Any) -> dg.AssetCheckResult:
    """One Dagster check result; a rule that could not be computed fails loudly and says so."""
    severity = dg.AssetCheckSeverity.ERROR if rule.is_blocking else dg.AssetCheckSeverity.WARN
    broken = _exception(result)
    if broken:
        return dg.AssetCheckResult(
            check_name=rule.name,
            asset_key=key,
            passed=False,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"This rule could not be computed, so it says nothing about the data: {broken}",
        )
    metadata = {name: _plain(result.result[name]) for name in SHOWN if result.result.get(name) is not None}
    metadata["expectation"] = rule.expectation
    passed = bool(result.success)
    seen = metadata.get("observed_value", metadata.get("unexpected_percent", "see metadata"))
    return dg.AssetCheckResult(
        check_name=rule.name,
        asset_key=key,
        passed=passed,
        severity=severity,
        metadata=metadata,
        description=rule.description if passed else f"{rule.description} Observed: {seen}.",
    )


def _exception(result: Any) -> str | None:
    info = result.exception_info or {}
    entries = [info] if "raised_exception" in info else list(info.values())
    raised = [entry for entry in entries if isinstance(entry, dict) and entry.get("raised_exception")]
    return str(raised[0].get("exception_message")) if raised else None


def _plain(value: Any) -> Any:
    """A value Dagster can store: numpy scalars and decimals become Python numbers, the rest text."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool | int | float | str):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)[:500]
