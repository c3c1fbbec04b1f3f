"""Arrow's types and BigQuery's, one by the other.

Belongs here: types, and columns made such that a load keeps their values. Does not belong here: moving them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warehouse.client.errors import WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa
    from google.cloud.bigquery import SchemaField

    from warehouse.client.googlesql.kinds import Kind

NUMERIC_WHOLE, NUMERIC_SCALE = 29, 9


def arrow_schema(fields: list[SchemaField]) -> pa.Schema:
    """The Arrow schema of a result of BigQuery."""
    import pyarrow as pa

    return pa.schema([pa.field(field.name, _arrow_of(field)) for field in fields])


def _arrow_of(field: SchemaField) -> pa.DataType:
    import pyarrow as pa

    known = {
        "INTEGER": pa.int64(), "INT64": pa.int64(), "FLOAT": pa.float64(), "FLOAT64": pa.float64(),
        "BOOLEAN": pa.bool_(), "BOOL": pa.bool_(), "STRING": pa.string(), "BYTES": pa.binary(),
        "DATE": pa.date32(), "TIMESTAMP": pa.timestamp("us", "UTC"), "DATETIME": pa.timestamp("us"),
        "TIME": pa.time64("us"), "NUMERIC": pa.decimal128(38, 9), "BIGNUMERIC": pa.decimal256(76, 38),
        "JSON": pa.string(),
    }  # fmt: skip
    kind = known.get(field.field_type.upper())
    if kind is None:
        raise WarehouseError(
            f"Reading as Arrow failed: column {field.name!r} is {field.field_type}. Allowed: plain values "
            "and lists of them. Name its parts in the SQL."
        )
    return pa.list_(kind) if field.mode == "REPEATED" else kind


LISTED = {"int": "int64", "float": "float64", "bool": "bool"}


def listed_field(field: pa.Field, kind: Kind | None) -> pa.Field:
    """The field of a column that arrives as the JSON text of a list of this kind; as it is without one."""
    import pyarrow as pa

    if kind is None or kind.name == "json":
        return field
    return pa.field(field.name, pa.list_(pa.type_for_alias(LISTED.get(kind.name, "string"))))


def listed(column: pa.Array, field: pa.Field) -> pa.Array:
    """The lists that JSON texts stand for; whole numbers beyond 53 bits and special doubles are texts
    there.
    """
    import json

    import pyarrow as pa

    if column.type == field.type:
        return column
    read = {pa.int64(): int, pa.float64(): float, pa.bool_(): bool}.get(field.type.value_type, str)
    lists = [None if text is None else json.loads(text) for text in column.to_pylist()]
    cast = [one and [None if value is None else read(value) for value in one] for one in lists]
    return pa.array(cast, field.type)


def loadable(data: pa.Table) -> pa.Table:
    """The table with columns that BigQuery reads from Parquet with the same values.

    Raises:
        WarehouseError: a column of a type that BigQuery has not, or a number beyond its own.
    """
    import pyarrow as pa

    columns = []
    for field, column in zip(data.schema, data.columns, strict=True):
        wanted = _plain(field.name, field.type)
        try:
            columns.append(column if wanted == field.type else column.cast(wanted))
        except pa.ArrowInvalid as error:
            raise WarehouseError(
                f"Loading failed: column {field.name!r} does not fit {wanted}: {error}. Cast it first."
            ) from None
    return pa.Table.from_arrays(columns, names=data.column_names)


def _plain(name: str, kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        return _plain(name, kind.value_type)
    plain: dict[Any, pa.DataType] = {
        types.is_boolean: kind, types.is_integer: pa.int64(), types.is_floating: pa.float64(),
        types.is_string: kind, types.is_large_string: pa.string(), types.is_string_view: pa.string(),
        types.is_binary: kind, types.is_large_binary: pa.binary(), types.is_fixed_size_binary: pa.binary(),
        types.is_date: pa.date32(), types.is_time: pa.time64("us"), types.is_decimal: kind,
        types.is_null: pa.string(),
    }  # fmt: skip
    if types.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if types.is_list(kind) or types.is_large_list(kind):
        return pa.list_(_plain(name, kind.value_type))
    found = next((wanted for is_it, wanted in plain.items() if is_it(kind)), None)
    if found is None:
        raise WarehouseError(
            f"Loading failed: column {name!r} is {kind}. Allowed: numbers, texts, truth values, bytes, "
            "dates, times and lists of these. Turn it into JSON text first."
        )
    return found


def table_schema(data: pa.Table) -> list[SchemaField]:
    """The columns of a new table for rows that are `loadable`."""
    from google.cloud.bigquery import SchemaField

    fields = []
    for field in data.schema:
        is_list = hasattr(field.type, "value_type")
        name = _name_of(field.type.value_type if is_list else field.type)
        fields.append(SchemaField(field.name, name, mode="REPEATED" if is_list else "NULLABLE"))
    return fields


def _name_of(kind: pa.DataType) -> str:
    import pyarrow as pa

    if pa.types.is_decimal(kind):
        fits = kind.scale <= NUMERIC_SCALE and kind.precision - kind.scale <= NUMERIC_WHOLE
        return "NUMERIC" if fits else "BIGNUMERIC"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP" if kind.tz else "DATETIME"
    names = {
        pa.bool_(): "BOOLEAN", pa.int64(): "INTEGER", pa.float64(): "FLOAT", pa.string(): "STRING",
        pa.binary(): "BYTES", pa.date32(): "DATE", pa.time64("us"): "TIME",
    }  # fmt: skip
    return names[kind]
