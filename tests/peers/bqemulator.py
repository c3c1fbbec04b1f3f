"""The peer bqemulator: BigQuery's REST interface over DuckDB, as an engine to send statements to.

It is too lenient to judge text (`tests.peers.zetasql` does), but it runs a job end to end. Belongs here: its
environment, its process, rows in and out. Does not belong here: whose statements it runs.
"""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.peers.environment import PeerError
from tests.peers.zetasql import Refused, type_of

REQUIREMENTS = (
    "bqemulator==1.4.0", "duckdb==1.5.5", "duckdb-extensions==1.5.5", "duckdb-extension-spatial==1.5.5",
    "numpy==2.4.6",
)  # fmt: skip
SHIM = Path(__file__).with_name("bqemulator_shim.py")
PROJECT = "test-project"
START_SECONDS, CALL_SECONDS = 60.0, 60.0
ROWS_AT_ONCE = 500
OPENED = "from duckdb_extensions import import_extension; import_extension('spatial')"


class BqEmulator:
    """A server on the loopback, its data in memory. `ran` counts statements.

    `rest_url` is where clients send requests (`api_endpoint`), `grpc_address` (host:port) where the Storage
    API listens, `project` the project its datasets belong to.
    """

    def __init__(self, python: Path) -> None:
        self._home = python.parents[1] / "home"
        self._home.mkdir(exist_ok=True)
        # It parts what it reads out by rows, not bytes: a wide table's part would pass its own limit.
        environment = {
            **os.environ, "HOME": str(self._home), "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false",
            "BQEMU_WRITE_API_MAX_REQUEST_BYTES": str(512 * 1024 * 1024),
        }  # fmt: skip
        # It will not start without DuckDB's spatial extension, which it would fetch: put it in place.
        subprocess.run([str(python), "-P", "-c", OPENED], env=environment, check=True, timeout=START_SECONDS)
        rest, grpc = _free_ports()
        self.project = PROJECT
        self.rest_url, self.grpc_address = f"http://127.0.0.1:{rest}", f"127.0.0.1:{grpc}"
        self._address = f"{self.rest_url}/bigquery/v2/projects/{PROJECT}/queries"
        self._log = (self._home / f"emulator-{rest}.log").open("w")
        command = [str(python), "-P", str(SHIM), "start", "--ephemeral", "--project", PROJECT]
        command += ["--rest-port", str(rest), "--grpc-port", str(grpc)]
        self._process = subprocess.Popen(
            command, env=environment, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL
        )
        self._columns: dict[str, dict[str, str]] = {}
        self._schemas: set[str] = set()
        self.ran = 0
        self._wait()

    def __enter__(self) -> BqEmulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._log.close()
        Path(self._log.name).unlink()

    def load(self, name: str, data: pa.Table) -> None:
        """Make the table `schema.name` of Arrow rows."""
        schema = name.partition(".")[0]
        if schema not in self._schemas:
            self._call(f"CREATE SCHEMA IF NOT EXISTS `{schema}`")
            self._schemas.add(schema)
        columns = {field.name: type_of(field.type) for field in data.schema}
        listed = ", ".join(f"`{column}` {kind}" for column, kind in columns.items())
        quoted = "`.`".join(name.split("."))
        self._call(f"CREATE TABLE `{quoted}` ({listed})")
        rows = [", ".join(map(_literal, row.values())) for row in data.to_pylist()]
        for first in range(0, len(rows), ROWS_AT_ONCE):
            self._call(f"INSERT INTO `{quoted}` VALUES ({'), ('.join(rows[first : first + ROWS_AT_ONCE])})")
        self._columns[name] = columns

    def columns(self, table: str) -> Mapping[str, str] | None:
        return self._columns.get(table)

    def run(self, sql: str) -> list[dict[str, Any]]:
        """Run one statement.

        Raises:
            Refused: it failed.
        """
        self.ran += 1
        answer = self._call(sql)
        fields = answer.get("schema", {}).get("fields", [])
        return [
            {f["name"]: _read(cell["v"], f["type"]) for f, cell in zip(fields, row["f"], strict=True)}
            for row in answer.get("rows", [])
        ]

    def _call(self, sql: str) -> dict[str, Any]:
        body = json.dumps({"query": sql, "useLegacySql": False, "maxResults": 100_000}).encode()
        request = urllib.request.Request(self._address, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=CALL_SECONDS) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise Refused(f"{error.read().decode(errors='replace')[:2000]}\n{sql}") from error
        if answer.get("errors"):  # it says so with status 200
            raise Refused(f"{answer['errors'][0]['message']}\n{sql}")
        return answer

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._call("SELECT 1 AS one")
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self._process.kill()
                    raise PeerError(f"bqemulator did not start within {START_SECONDS:g} s.") from error
                time.sleep(0.1)


def _free_ports() -> list[int]:
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [one.getsockname()[1] for one in opened]
    for one in opened:
        one.close()
    return ports


def _literal(value: Any) -> str:
    if isinstance(value, float):
        return f"{value!r}" if math.isfinite(value) else f"CAST('{value!r}' AS FLOAT64)"
    if value is None or isinstance(value, int):  # a truth value is an int, and written like one
        return "NULL" if value is None else str(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
        return f"'{escaped}'"
    return f"CAST('{value}' AS {'BIGNUMERIC' if isinstance(value, Decimal) else 'DATE'})"


def _read(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return [one["v"] for one in value]
    readers: dict[str, Any] = {
        "INTEGER": int, "FLOAT": float, "BOOLEAN": lambda text: text == "true", "NUMERIC": Decimal,
        "BIGNUMERIC": Decimal,
    }  # fmt: skip
    return readers.get(kind, str)(value)
