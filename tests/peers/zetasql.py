"""The peer ZetaSQL: Google's analyzer and reference evaluator of BigQuery's SQL, as an engine to send it to.

Belongs here: its environment, its process, rows in and out. Does not belong here: the script that runs there
(`zetasql_judge`), or whose statements are judged.
"""

from __future__ import annotations

import datetime
import json
import math
import re
import select
import subprocess
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.peers.environment import PeerError

REQUIREMENTS = (
    "zetasql==0.1.5", "wasmtime==50.0.1", "protobuf==7.36.2", "grpcio==1.85.3", "tzdata==2026.6",
    "typing_extensions==4.16.0",
)  # fmt: skip
SCRIPT = Path(__file__).with_name("zetasql_judge.py")
SECONDS = 300.0
PATH = re.compile(r"`(\w+)`\.`(\w+)`")
CREATE = re.compile(r"CREATE TABLE `([\w.]+)` AS (.*)", re.DOTALL)
DROP = re.compile(r"DROP TABLE (IF EXISTS )?`([\w.]+)`")
INSERT = re.compile(r"INSERT INTO `(?P<name>[\w.]+)`(?: \([^)]*\))? VALUES \((?P<rest>.*)\)", re.DOTALL)
DELETE = re.compile(r"DELETE FROM `(?P<name>[\w.]+)` WHERE (?P<rest>.*)", re.DOTALL)
DECLARE = re.compile(r"CREATE TABLE (IF NOT EXISTS )?`(?P<name>[\w.]+)` \((?P<rest>.*)\)", re.DOTALL)
COLUMN = re.compile(r"`(\w+)` (\w+)")
EPOCH = datetime.date(1970, 1, 1)
INSTANT = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def dotted(sql: str) -> str:
    """The statement with each `schema`.`table` as one name, which the judge knows; columns of what the
    statement itself names stay.
    """
    return PATH.sub(lambda found: found[0] if f"AS `{found[1]}`" in sql else f"`{found[1]}.{found[2]}`", sql)


class Refused(AssertionError):
    """ZetaSQL did not take a statement; its words and the statement."""


class ZetaSql:
    """A process with tables in memory. `judged` counts statements, `rows` what came back or was written."""

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [str(python), "-P", str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._columns: dict[str, dict[str, str]] = {}
        self.judged = self.rows = 0
        self.statements: list[str] = []
        self._answer()

    def __enter__(self) -> ZetaSql:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.stdin.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)

    def load(self, name: str, data: pa.Table) -> None:
        """Make a table of Arrow rows."""
        columns = {field.name: type_of(field.type) for field in data.schema}
        rows = [[_sent(value) for value in row.values()] for row in data.to_pylist()]
        self._ask(what="table", name=name, columns=columns, rows=rows)
        self._columns[name] = columns

    def declare(self, name: str, columns: Mapping[str, str]) -> None:
        """Make a table of columns of BigQuery's types, without rows, in place of one of that name."""
        if name in self._columns:
            self._ask(what="drop", name=name)
        self._ask(what="table", name=name, columns=dict(columns), rows=[])
        self._columns[name] = dict(columns)

    def make(self, name: str, sql: str) -> None:
        """Evaluate a SELECT into a table, in place of one of that name."""
        if name in self._columns:
            self._ask(what="drop", name=name)
        self._ask(what="create", name=name, sql=dotted(sql))
        self._columns[name] = {}

    def columns(self, table: str) -> Mapping[str, str] | None:
        return self._columns.get(table)

    def run(self, sql: str) -> list[dict[str, Any]]:
        """Analyse and evaluate one statement.

        Raises:
            Refused: it is not well typed, or it failed.
        """
        self.judged += 1
        text = dotted(sql)
        self.statements.append(text)
        if created := CREATE.fullmatch(text):
            self._ask(what="analyze", sql=text)
            self.rows += self._ask(what="create", name=created[1], sql=created[2])["rows"]
            return []
        if dropped := DROP.fullmatch(text):
            self._ask(what="analyze", sql=text)
            try:
                self._ask(what="drop", name=dropped[2])
            except Refused:
                if not dropped[1]:  # "if exists"
                    raise
            return []
        if text.startswith("CREATE SCHEMA"):
            self._ask(what="analyze", sql=text)
            return []
        if changed := (INSERT.fullmatch(text) or DELETE.fullmatch(text) or DECLARE.fullmatch(text)):
            self._ask(what="analyze", sql=text)
            self._change(changed)
            return []
        answer = self._ask(what="query", sql=text)
        names = [name for name, _ in answer["columns"]]
        kinds = [kind for _, kind in answer["columns"]]
        self.rows += len(answer["rows"])
        return [
            {n: _read(value, kind) for n, kind, value in zip(names, kinds, row, strict=True)}
            for row in answer["rows"]
        ]

    def _change(self, changed: re.Match[str]) -> None:
        """The evaluator changes no table: what a statement makes of one is a SELECT, and takes its place."""
        name, rest = changed["name"], changed["rest"]
        if changed.re is DECLARE:
            if name not in self._columns:
                columns = {one[1]: one[2] for one in COLUMN.finditer(rest)}
                self._ask(what="table", name=name, columns=columns, rows=[])
                self._columns[name] = columns
            return
        if changed.re is INSERT:
            sql = f"SELECT * FROM `{name}` UNION ALL SELECT {rest}"
        else:
            sql = f"SELECT * FROM `{name}` WHERE ({rest}) IS NOT TRUE"
        self._ask(what="create", name=f"{name}_new", sql=sql)
        self._ask(what="drop", name=name)
        self._ask(what="create", name=name, sql=f"SELECT * FROM `{name}_new`")
        self._ask(what="drop", name=f"{name}_new")

    def analyze(self, sql: str) -> None:
        """Judge a statement without running it.

        Raises:
            Refused: it is not well typed.
        """
        self.judged += 1
        self._ask(what="analyze", sql=dotted(sql))

    def model(self, name: str) -> None:
        """Name a model of BigQuery ML."""
        self._ask(what="model", name=name)

    def function(self, name: str, arguments: Sequence[str], columns: Mapping[str, Any]) -> None:
        """Declare a table-valued function, as `zetasql_judge` describes it."""
        self._ask(what="function", name=name, arguments=list(arguments), columns=dict(columns))

    def _ask(self, **request: Any) -> dict[str, Any]:
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        if "error" in answer:
            raise Refused(f"{answer['error']}\n{request.get('sql', request.get('name'))}")
        return answer

    def _answer(self) -> dict[str, Any]:
        ready, _, _ = select.select([self._process.stdout], [], [], SECONDS)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self._process.kill()
            raise PeerError(f"ZetaSQL gave no answer within {SECONDS:g} s, or ended.")
        return json.loads(line)


def type_of(kind: pa.DataType) -> str:
    """BigQuery's name of an Arrow type."""
    if pa.types.is_decimal(kind):
        return "NUMERIC" if kind.scale <= 9 and kind.precision <= 29 + kind.scale else "BIGNUMERIC"
    tests: Sequence[tuple[Any, str]] = (
        (pa.types.is_integer, "INT64"), (pa.types.is_floating, "FLOAT64"), (pa.types.is_boolean, "BOOL"),
        (pa.types.is_string, "STRING"), (pa.types.is_large_string, "STRING"), (pa.types.is_date, "DATE"),
        (pa.types.is_timestamp, "TIMESTAMP"),
    )  # fmt: skip
    return next(name for test, name in tests if test(kind))


def _sent(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime.datetime):
        return (value - INSTANT) // datetime.timedelta(microseconds=1)
    return (value - EPOCH).days if isinstance(value, datetime.date) else value


def _read(value: Any, kind: str) -> Any:
    if isinstance(value, dict):
        number = Decimal(value["decimal"]).normalize()
        return number if number.is_finite() else math.nan
    if kind == "DATE" and value is not None:
        return EPOCH + datetime.timedelta(days=value)
    if kind == "DATETIME" and value is not None:
        return datetime.datetime.fromisoformat(value)
    if kind == "TIMESTAMP" and value is not None:
        return INSTANT + datetime.timedelta(microseconds=value)
    return value
