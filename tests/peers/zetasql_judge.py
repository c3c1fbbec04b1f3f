"""The judge of BigQuery text: Google's ZetaSQL analyses each statement typed, and evaluates it on given
rows.

Run by the peer's Python as a process that answers line by line: a JSON request in, a JSON answer out. A
request is `table` (name, columns, rows), `query` (sql), `create` (name, sql of the rows), `analyze` (sql),
`drop` (name), `model` (name) or `function` (name, arguments, columns). An answer has `error`, or what was
asked for. Belongs here: talking to ZetaSQL. Does not belong here: whose statements they are
(`tests.peers.zetasql`).
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import json
import os
import sys
from decimal import Decimal, getcontext
from pathlib import Path
from typing import Any

from zetasql.api import CatalogBuilder
from zetasql.core import wasm_client
from zetasql.core.local_service import ZetaSqlLocalService
from zetasql.types import AnalyzerOptions, LanguageOptions, ProductMode, ZetaSQLBuiltinFunctionOptions
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service

getcontext().prec = 100
KINDS = {
    "INT64": (2, "int64_value"), "BOOL": (5, "bool_value"), "FLOAT64": (7, "double_value"),
    "STRING": (8, "string_value"), "BYTES": (9, "bytes_value"), "DATE": (10, "date_value"),
    "TIMESTAMP": (19, "timestamp_value"), "DATETIME": (21, "datetime_value"), "JSON": (26, "json_value"),
    "NUMERIC": (23, "numeric_value"), "BIGNUMERIC": (24, "bignumeric_value"),
}  # fmt: skip
NAMES = {kind: name for name, (kind, _) in KINDS.items()} | {16: "ARRAY"}
SCALES = {"numeric_value": 9, "bignumeric_value": 38}


class CachedModule:
    """The compiled WebAssembly, kept beside the environment: compiling costs half a minute and a gigabyte in
    every process, loading a few milliseconds. The folder is the user's own: it is native code.
    """

    compiled = wasm_client.Module

    @classmethod
    def from_file(cls, engine: Any, path: str) -> Any:
        digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
        kept = Path(sys.prefix) / f"zetasql-{digest}-{importlib.metadata.version('wasmtime')}.cwasm"
        if kept.exists():
            return cls.compiled.deserialize_file(engine, str(kept))
        module = cls.compiled.from_file(engine, path)
        new = kept.with_suffix(f".{os.getpid()}")
        new.write_bytes(module.serialize())
        new.replace(kept)
        return module


def _address(client: Any, place: int) -> int:
    return ctypes.addressof(client.memory.data_ptr().contents) + place


def _write(client: Any, place: int, data: bytes) -> None:
    ctypes.memmove(_address(client, place), data, len(data))


def _read(client: Any, place: int, size: int) -> bytes:
    return ctypes.string_at(_address(client, place), size)


class Judge:
    """A catalog of tables with rows, and answers about them."""

    def __init__(self) -> None:
        wasm_client.Module = CachedModule
        wasm_client.WasmClient.write_bytes, wasm_client.WasmClient.read_bytes = _write, _read
        language = LanguageOptions.maximum_features()
        language.product_mode = ProductMode.PRODUCT_EXTERNAL
        # QUALIFY without WHERE, and column names that BigQuery reserves, as it does.
        language.reserved_keywords = ["QUALIFY"]
        functions = ZetaSQLBuiltinFunctionOptions(language_options=language)
        self._client = ZetaSqlLocalService().wasm_client
        self._options = AnalyzerOptions(language_options=language).to_proto()
        self._options.default_timezone = "UTC"
        self._catalog = CatalogBuilder("given").with_builtin_functions(functions).build().to_proto()
        self._rows: dict[str, Any] = {}

    def table(self, name: str, columns: dict[str, str], rows: list[list[Any]]) -> dict[str, Any]:
        """Make a table of columns (name to type) and rows (values in that order)."""
        content = service.TableContent()
        fields = [KINDS[kind][1] for kind in columns.values()]
        for row in rows:
            cells = content.table_data.row.add().cell
            for field, value in zip(fields, row, strict=True):
                cell = cells.add()
                if field == "timestamp_value" and value is not None:
                    cell.timestamp_value.FromMicroseconds(value)
                elif value is not None:
                    setattr(cell, field, _scaled(value, SCALES[field]) if field in SCALES else value)
        return self._keep(name, {column: KINDS[kind][0] for column, kind in columns.items()}, content)

    def drop(self, name: str) -> dict[str, Any]:
        """Forget a table."""
        if name not in self._rows:
            return {"error": f"Table not found: {name}"}
        del self._rows[name]
        kept = [one for one in self._catalog.table if one.name != name]
        del self._catalog.table[:]
        self._catalog.table.extend(kept)
        return {}

    def create(self, name: str, sql: str) -> dict[str, Any]:
        """Evaluate a SELECT into a new table."""
        if name in self._rows:
            return {"error": f"Table already exists: {name}"}
        columns, content = self._evaluated(sql)
        return self._keep(name, columns, content) | {"rows": len(content.table_data.row)}

    def query(self, sql: str) -> dict[str, Any]:
        """The columns (name, type) and rows of a SELECT."""
        columns, content = self._evaluated(sql)
        rows = [[_plain(cell) for cell in row.cell] for row in content.table_data.row]
        named = [[name, NAMES.get(kind, str(kind))] for name, kind in columns.items()]
        return {"columns": named, "rows": rows}

    def analyze(self, sql: str) -> dict[str, Any]:
        """Whether any statement is well typed against the tables."""
        request = service.AnalyzeRequest(
            sql_statement=sql, options=self._options, simple_catalog=self._catalog
        )
        # The answer is a tree that may be deeper than Python's reader takes; a failure raises before it.
        self._client._call_grpc_method("ZetaSqlLocalService_Analyze", request.SerializeToString())
        return {}

    def model(self, name: str) -> dict[str, Any]:
        """Name a model of BigQuery ML, for the functions that take one."""
        if name not in [one.name for one in self._catalog.model]:
            self._catalog.model.add(name=name, id=len(self._catalog.model) + 1)
        return {}

    def function(self, name: str, arguments: list[str], columns: dict[str, Any]) -> dict[str, Any]:
        """Declare a table-valued function that gives `columns`. `arguments`: model, relation, any; one that
        may be left out has a question mark.
        """
        folder, short = name.split(".")
        catalog = next((one for one in self._catalog.catalog if one.name == folder), None)
        catalog = catalog or self._catalog.catalog.add(name=folder)
        kept = [one for one in catalog.custom_tvf if list(one.name_path) != [short]]
        del catalog.custom_tvf[:]
        catalog.custom_tvf.extend(kept)
        made = catalog.custom_tvf.add(name_path=[short])
        made.type = 1  # these columns: none that it would pass on from a relation behind a model
        for argument in arguments:
            kind = {"model": 11, "relation": 9, "any": 8}[argument.rstrip("?")]
            given = made.signature.argument.add(kind=kind, num_occurrences=1)
            given.options.cardinality = 2 if argument.endswith("?") else 0
        made.signature.return_type.kind = 9
        schema = made.signature.return_type.options.relation_input_schema
        for column, kind in columns.items():
            _typed(schema.column.add(name=column).type, kind)
        return {}

    def _keep(self, name: str, columns: dict[str, int], content: Any) -> dict[str, Any]:
        table = self._catalog.table.add(name=name)
        for column, kind in columns.items():
            table.column.add(name=column, is_writable_column=True).type.type_kind = kind
        content.table_data.SetInParent()  # a table without rows is a table
        self._rows[name] = content
        return {}

    def _evaluated(self, sql: str) -> tuple[dict[str, int], Any]:
        used = {name: rows for name, rows in self._rows.items() if name in sql}
        request = service.PrepareQueryRequest(
            sql=sql, options=self._options, simple_catalog=self._catalog, table_content=used
        )
        call = self._client.call_grpc_func
        prepared = call("ZetaSqlLocalService_PrepareQuery", request, service.PrepareQueryResponse).prepared
        by_id = {"prepared_query_id": prepared.prepared_query_id}
        try:
            asked = service.EvaluateQueryRequest(**by_id)
            found = call("ZetaSqlLocalService_EvaluateQuery", asked, service.EvaluateQueryResponse)
        finally:
            call("ZetaSqlLocalService_UnprepareQuery", service.UnprepareQueryRequest(**by_id))
        columns = {column.name: column.type.type_kind for column in prepared.columns}
        return columns, found.content


def _typed(made: Any, kind: Any) -> None:
    """A type by name, [its elements'] or {field: its type}."""
    if isinstance(kind, str):
        made.type_kind = KINDS[kind][0]
    elif isinstance(kind, list):
        made.type_kind = 16
        _typed(made.array_type.element_type, kind[0])
    else:
        made.type_kind = 17
        for name, of in kind.items():
            _typed(made.struct_type.field.add(field_name=name).field_type, of)


def _scaled(text: str, scale: int) -> bytes:
    whole = int(Decimal(text).scaleb(scale))
    return whole.to_bytes(whole.bit_length() // 8 + 1, "little", signed=True)


def _plain(cell: Any) -> Any:
    """A value as JSON takes it; a double as text with all its bits, a decimal as {"decimal": text}."""
    field = cell.WhichOneof("value")
    if field is None:
        return None
    value = getattr(cell, field)
    if field == "array_value":
        return [_plain(one) for one in value.element]
    if field in SCALES:
        return {"decimal": str(Decimal(int.from_bytes(value, "little", signed=True)).scaleb(-SCALES[field]))}
    if field == "datetime_value":  # year, month, day, hour, minute and second in one number
        bits, micros = value.bit_field_datetime_seconds, value.nanos // 1000
        year, month, day = bits >> 26, bits >> 22 & 15, bits >> 17 & 31
        clock = f"{bits >> 12 & 31:02d}:{bits >> 6 & 63:02d}:{bits & 63:02d}"
        return f"{year:04d}-{month:02d}-{day:02d}T{clock}.{micros:06d}"
    if field == "timestamp_value":
        return value.ToMicroseconds()
    return value if not isinstance(value, bytes) else value.hex()


def main() -> None:
    judge = Judge()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(judge, request.pop("what"))(**request)
        except Exception as error:  # the statement's fault: the next one may be right
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
