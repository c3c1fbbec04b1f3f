"""Column lineage: which parents' columns stand behind each column of a query."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg

from orchestration.column_lineage import ColumnLineage, trace
from warehouse.client import load_settings

FLIGHT = dg.AssetKey(["staging", "stg_flight"])
AIRPORT = dg.AssetKey(["core", "dim_airport"])


def node(schema: str, name: str, columns: dict[str, str], parents: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "unique_id": f"model.house.{name}",
        "resource_type": "model",
        "schema": schema,
        "alias": name,
        "name": name,
        "columns": {column: {"name": column, "data_type": kind} for column, kind in columns.items()},
        "depends_on": {"nodes": [f"model.house.{parent}" for parent in parents]},
    }


STG = node("staging", "stg_flight", {"flight_key": "text", "origin": "text", "delay": "bigint"})
DIM = node("core", "dim_airport", {"airport_key": "text", "airport_id": "text"})
FCT = node(
    "core",
    "fct_flight",
    {"flight_key": "text", "airport_key": "text", "is_late": "boolean"},
    ("stg_flight", "dim_airport"),
)
SQL = """
with flight as (select * from "db"."staging"."stg_flight"),
airport as (select * from "db"."core"."dim_airport"),
joined as (
    select flight.flight_key, airport.airport_key, flight.delay > 15 as is_late
    from flight left join airport on airport.airport_id = flight.origin
)
select * from joined
"""


def test_columns_are_followed_through_steps_and_joins() -> None:
    found = trace(SQL, ["flight_key", "airport_key", "is_late"], {FLIGHT: STG, AIRPORT: DIM})
    assert found == {
        "flight_key": [("staging", "stg_flight", "flight_key")],
        "airport_key": [("core", "dim_airport", "airport_key")],
        "is_late": [("staging", "stg_flight", "delay")],
    }


def test_datasets_of_bigquery_are_the_houses_schemas() -> None:
    sql = SQL.replace('"db"."', "`project`.`house_").replace('"."', "`.`").replace('"', "`")
    found = trace(sql, ["is_late"], {FLIGHT: STG, AIRPORT: DIM}, "bigquery", "house_")
    assert found == {"is_late": [("staging", "stg_flight", "delay")]}


def lineage(store: Path, producers: dict[dg.AssetKey, list[dg.AssetKey]] | None = None) -> ColumnLineage:
    nodes = {each["unique_id"]: each for each in (STG, DIM, FCT)}
    settings = load_settings(home=store, warehouse_url="")
    return ColumnLineage({"nodes": nodes, "sources": {}}, settings, producers or {})


def test_metadata_name_assets_and_types(tmp_path: Path) -> None:
    found = lineage(tmp_path).metadata("model.house.fct_flight", SQL)
    deps = found["dagster/column_lineage"].deps_by_column
    assert deps["is_late"] == [dg.TableColumnDep(asset_key=FLIGHT, column_name="delay")]
    types = {column.name: column.type for column in found["dagster/column_schema"].columns}
    assert types == {"flight_key": "text", "airport_key": "text", "is_late": "boolean"}


def test_a_table_of_many_writers_points_at_each(tmp_path: Path) -> None:
    writers = [dg.AssetKey(["ml", "prd_a"]), dg.AssetKey(["ml", "prd_b"])]
    found = lineage(tmp_path, {FLIGHT: writers}).metadata("model.house.fct_flight", SQL)
    assert [dep.asset_key for dep in found["dagster/column_lineage"].deps_by_column["is_late"]] == writers


def test_an_answer_is_kept(tmp_path: Path) -> None:
    lineage(tmp_path).metadata("model.house.fct_flight", SQL)
    (kept,) = tmp_path.rglob("*.json")
    kept.write_text(json.dumps({"is_late": [["staging", "stg_flight", "origin"]]}))
    found = lineage(tmp_path).metadata("model.house.fct_flight", SQL)["dagster/column_lineage"]
    assert found.deps_by_column["is_late"][0].column_name == "origin"


def test_another_day_is_answered_by_what_was_kept(tmp_path: Path) -> None:
    days = [f"cast('2013-06-{day:02d}' as date)" for day in range(1, 4)]
    for listed in (days[:1], days, days[1:]):
        sql = f"{SQL.rstrip().rstrip(';')} where current_date in ({', '.join(listed)})"
        lineage(tmp_path).metadata("model.house.fct_flight", sql)
    assert len(list(tmp_path.rglob("*.json"))) == 1


def test_sql_that_cannot_be_followed_fails_nothing(tmp_path: Path) -> None:
    found = lineage(tmp_path).metadata("model.house.fct_flight", "select ( from")
    assert "dagster/column_lineage" not in found
    assert "dagster/column_schema" in found
