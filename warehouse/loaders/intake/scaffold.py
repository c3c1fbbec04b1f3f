"""A new source: connect, sample, infer, and write its declaration and its staging models.

What is written is a beginning to be read and corrected: kinds and keys come from a sample. Belongs here: the
texts. Does not belong here: asking the user, or loading (`loader`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.loaders.declaration import NAME, LoadError
from warehouse.loaders.intake.batch import Batch
from warehouse.loaders.intake.connectors import MODULES, STREAMS, connector
from warehouse.loaders.intake.contract import INFERRED
from warehouse.loaders.intake.declared import DeclaredSource, DeclaredTable
from warehouse.loaders.intake.profile import ColumnProfile, likely_key, profile

if TYPE_CHECKING:
    from warehouse.client.settings import Secret

FALLBACK = "text"
RAW_SCHEMA = "{{ target.schema ~ '_raw' if target.type == 'bigquery' else 'raw' }}"
"""BigQuery has no database between project and dataset: there the profile's dataset is a prefix."""


@dataclass(frozen=True)
class Sampled:
    """One table of a new source: what is read, the profile of its first batch, and its key."""

    name: str
    read: str
    columns: list[ColumnProfile]
    key: tuple[str, ...]
    history: str


def sample(
    kind: str,
    name: str,
    read: str,
    secret: Secret | None,
    key: tuple[str, ...] = (),
    table: str | None = None,
) -> Sampled:
    """Connect and profile the first batch of what `read` names.

    Raises:
        LoadError: an unknown kind, a name that is no name, an empty source, no column that could be the key.
    """
    if kind not in MODULES:
        raise LoadError(
            "no such kind of source", value=kind, allowed=", ".join(MODULES), next_step="name one"
        )
    if not NAME.fullmatch(name):
        raise LoadError(
            "a source's name is plain snake_case", value=name, allowed="lower-case letters, digits, single _",
            next_step="choose another name",
        )  # fmt: skip
    table = table or _table_name(read)
    blank = DeclaredTable(table, (), read, key)
    found: Any = connector(kind)
    batches = found.read(DeclaredSource(name, kind, None, (blank,)), blank, secret, {})
    batch = next(islice((one for one in batches if one.positions), 1), None)
    if batch is None:
        raise LoadError(
            f"{read} has no rows to learn from", value="0 rows", allowed="at least one row",
            next_step="name something that has rows, or write the declaration by hand",
        )  # fmt: skip
    return _sampled(kind, table, read, batch, key)


def write_source(
    staging: Path, kind: str, name: str, connection: str | None, tables: list[Sampled]
) -> list[Path]:
    """Write the sources file and a staging model with tests and descriptions for each table; the paths.

    Raises:
        LoadError: the folder is there already; nothing is written.
    """
    folder = staging / name
    if folder.exists():
        raise LoadError(
            f"source {name} is there already", value=str(folder.name), allowed="a name not in use",
            next_step="add tables to its sources file by hand, or choose another name",
        )  # fmt: skip
    texts = {f"_{name}__sources.yml": _sources(kind, name, connection, tables)}
    for table in tables:
        texts[f"stg_{name}__{table.name}.sql"] = _model(name, table)
        texts[f"stg_{name}__{table.name}.yml"] = _model_properties(name, table)
    folder.mkdir(parents=True)
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    return [folder / file for file in texts]


def _sampled(kind: str, table: str, read: str, batch: Batch, key: tuple[str, ...]) -> Sampled:
    columns = profile(batch)
    names = [column.name for column in columns]
    for column in key:
        if column not in names:
            raise LoadError(
                f"{read} has no such key column", value=column, allowed=", ".join(names), next_step="name one"
            )
    found = likely_key(columns)
    if not key and found is None:
        raise LoadError(
            f"{read}: no single column names a row", value=", ".join(names),
            allowed="columns that do together",
            next_step="name them with --key",
        )  # fmt: skip
    history = "events" if kind in STREAMS else "snapshot"
    return Sampled(table, read, columns, key or (str(found),), history)


def _table_name(read: str) -> str:
    """`public.orders` and `2013/orders-*.csv` are both orders."""
    last = read.rstrip("/").split("/")[-1]
    last = re.sub(r"(\.(csv|tsv|jsonl|ndjson|parquet|gz|zip))+$", "", last).split(".")[-1]
    name = snake_case(re.sub(r"[*?\[\]]", " ", last))
    if not name:
        raise LoadError(
            "no table name can be made of what is read", value=read, allowed="a name with letters",
            next_step="name the table with --table",
        )  # fmt: skip
    return name


def snake_case(name: str) -> str:
    """A heading as a column name: `Order ID`, `orderId` and `order-id` are order_id."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    plain = re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")
    return f"c_{plain}" if plain[:1].isdigit() else plain


def _sources(kind: str, name: str, connection: str | None, tables: list[Sampled]) -> str:
    import yaml

    loader = {"kind": kind, **({"connection": connection} if connection else {})}
    entry = {
        "name": name,
        "schema": RAW_SCHEMA,
        "description": f"{name}, read by {kind}.",
        "config": {"meta": {"loader": loader}},
        "tables": [_source_table(name, table) for table in tables],
    }
    return yaml.safe_dump({"sources": [entry]}, sort_keys=False, allow_unicode=True, width=110)


def _source_table(name: str, table: Sampled) -> dict[str, Any]:
    loader = {"read": table.read, "key": list(table.key), "history": table.history}
    return {
        "name": table.name,
        "identifier": f"{name}__{table.name}",
        "description": f"One row per version of a row of {table.read}, named by {', '.join(table.key)}.",
        "config": {"meta": {"loader": loader}},
        "columns": [
            {
                "name": column.name,
                "data_type": INFERRED[column.kind or FALLBACK],
                "description": _description(column),
                **({} if NAME.fullmatch(column.name) else {"quote": True}),
            }
            for column in table.columns
        ],
    }


def _description(column: ColumnProfile) -> str:
    if column.kind is None:
        return "No value in the first rows."
    return (
        f"In the first {column.rows} rows {column.distinct} different values from {column.least} to "
        f"{column.greatest}, {column.missing} missing."
    )


def _model(name: str, table: Sampled) -> str:
    key = ", ".join(f"'{_quoted(column)}'" for column in table.key)
    versions = f"{{{{ current_versions(source('{name}', '{table.name}'), [{key}]) }}}}"
    lines = [f"        {_quoted(c.name)} as {snake_case(c.name)}," for c in table.columns]
    return "\n".join(
        [
            f"-- The newest version of each row of {name}'s {table.name}, without rows gone from the source.",
            f"with {table.name} as (",
            "",
            f"    select * from {versions} as versions",
            "",
            "),",
            "",
            "final as (",
            "",
            "    select",
            *lines,
            "        event_at,",
            "        known_at,",
            "        loaded_at,",
            "        load_id",
            f"    from {table.name}",
            "",
            ")",
            "",
            "select * from final",
            "",
        ]
    )


def _model_properties(name: str, table: Sampled) -> str:
    import yaml

    own = [
        ("event_at", "timestamp with time zone", "Instant the row speaks of (UTC)."),
        ("known_at", "timestamp with time zone", "Instant from which this version was known (UTC)."),
        ("loaded_at", "timestamp with time zone", "Instant it was loaded (UTC)."),
        ("load_id", "text", "Identifier of the load, as in raw.intake_account."),
    ]
    columns: list[dict[str, Any]] = [
        {
            "name": snake_case(column.name),
            "data_type": INFERRED[column.kind or FALLBACK],
            "description": _description(column),
            **({"data_tests": ["not_null"]} if column.name in table.key else {}),
        }
        for column in table.columns
    ]
    columns += [{"name": n, "data_type": kind, "description": text} for n, kind, text in own]
    key = [snake_case(column) for column in table.key]
    if len(key) == 1:
        next(c for c in columns if c["name"] == key[0])["data_tests"] = ["not_null", "unique"]
    model = {
        "name": f"stg_{name}__{table.name}",
        "description": f"One row per {', '.join(key)} of {name}'s {table.name}, as it is now.",
        "columns": columns,
    }
    return yaml.safe_dump({"models": [model]}, sort_keys=False, allow_unicode=True, width=110)


def _quoted(name: str) -> str:
    return name if NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'
