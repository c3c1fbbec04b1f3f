"""Checks of parsed rows before they go anywhere: no null in a required column, no repeated key, only finite
numbers.

Belongs here: checks that follow from a table's declaration. Does not belong: judgements of quality (an
impossible wind speed is raw data all the same), which are tests of the models built on `raw`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse.loaders.declaration import LoadError, Table

if TYPE_CHECKING:
    import pyarrow as pa

HEADING_LINES = 1


def check_rows(table: Table, rows: pa.Table) -> None:
    """Raise LoadError naming file, column, row and value where the rows break the table's declaration."""
    _check_columns(table, rows)
    _check_nulls(table, rows)
    _check_finite(table, rows)
    _check_key(table, rows)


def _check_columns(table: Table, rows: pa.Table) -> None:
    expected = [column.name for column in (*table.columns, *table.derived)]
    if sorted(rows.column_names) != sorted(expected):
        raise LoadError(
            f"derive of table {table.name} gives other columns",
            value=", ".join(rows.column_names),
            allowed=", ".join(expected),
            next_step="correct the function derive",
        )


def _check_nulls(table: Table, rows: pa.Table) -> None:
    for name in table.required:
        if rows[name].null_count:
            row = rows[name].is_null().index(True).as_py()
            raise LoadError(
                f"{table.file}, {_line(row)}: column {name} has no value",
                value="null",
                allowed="a value in every row (the key needs it)",
                next_step="fill the value in the source file",
            )


def _check_finite(table: Table, rows: pa.Table) -> None:
    import pyarrow.compute as pc

    for column in table.columns:
        if column.type == "number":
            odd = pc.invert(pc.is_finite(rows[column.name])).fill_null(False)
            row = odd.index(True).as_py()
            if row >= 0:
                raise LoadError(
                    f"{table.file}, {_line(row)}: column {column.name} is not finite",
                    value=str(rows[column.name][row].as_py()),
                    allowed="finite numbers, or NA for no value",
                    next_step="correct the value in the source file",
                )


def _check_key(table: Table, rows: pa.Table) -> None:
    import pyarrow.compute as pc

    key = list(table.key)
    groups = rows.select(key).group_by(key, use_threads=True).aggregate([([], "count_all")])
    if groups.num_rows == rows.num_rows:
        return
    repeated = groups.filter(pc.greater(groups["count_all"], 1)).slice(0, 1).to_pylist()[0]
    same = None
    for name in key:
        equal = pc.equal(rows[name], repeated[name])
        same = equal if same is None else pc.and_(same, equal)
    first, second = pc.indices_nonzero(same).to_pylist()[:2]
    raise LoadError(
        f"{table.file}, {_line(first)} and {_line(second)}: the same key ({', '.join(key)}) twice",
        value=", ".join(str(repeated[name]) for name in key),
        allowed="each key once",
        next_step="remove one of the rows from the source file",
    )


def _line(row: int) -> str:
    """The file's line of a row counted from 0; the parser refuses files in which a row is not one line."""
    return f"line {row + 1 + HEADING_LINES}"
