"""The declaration of a source: what dbt's own sources file says of it, and a `loader` entry in its `meta`.

    # warehouse/models/staging/shop/_shop__sources.yml
    sources:
      - name: shop
        schema: raw
        config: {meta: {loader: {kind: postgres, connection: SHOP_URL}}}
        tables:
          - name: orders
            identifier: shop__orders
            config: {meta: {loader: {read: public.orders, key: [order_id], history: changes,
                                     known_at: updated_at, event_at: ordered_at, cursor: updated_at}}}
            columns:
              - {name: order_id, data_type: bigint}

Belongs here: reading and checking that file. Does not belong here: reading the source (`connectors`), or what
a declared type accepts (`casting`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.client.environment import secret_named
from warehouse.loaders.declaration import NAME, LoadError
from warehouse.loaders.intake.connectors import MODULES

if TYPE_CHECKING:
    from warehouse.client.settings import Secret

HISTORIES = ("events", "changes", "snapshot")
POLICIES = ("quarantine", "evolve", "freeze")
DATA_TYPES = {
    "bigint": "integer",
    "integer": "integer",
    "double precision": "number",
    "numeric": "decimal",
    "text": "text",
    "boolean": "boolean",
    "date": "date",
    "timestamp with time zone": "instant",
    "timestamptz": "instant",
    "jsonb": "json",
}
"""dbt data_type → kind. NUMERIC may carry precision and scale."""
OWN = ("event_at", "known_at", "is_deleted", "content_sha256", "source_position", "loaded_at", "load_id")
"""Columns that every raw table of a declared source has besides the declared ones."""
SOURCE_OPTIONS = {"kind", "connection", "options"}
TABLE_OPTIONS = {
    "read", "key", "history", "event_at", "known_at", "cursor", "required", "policy", "deletes", "zone",
    "at_least_rows", "at_most_age_h", "lateness_s", "options",
}  # fmt: skip
_NUMERIC = re.compile(r"numeric(\(\s*\d+\s*(,\s*\d+\s*)?\))?")


@dataclass(frozen=True)
class DeclaredColumn:
    """One column: its name in the source and in `raw`, its kind (see `casting`), its SQL type."""

    name: str
    kind: str
    sql_type: str


@dataclass(frozen=True)
class DeclaredTable:
    """One table of a declared source.

    `read`: what is read in the source: a glob, a relation, a collection, a path, a topic or a stream.
    `key`: columns that name a thing. `history`: "events" happen once and are corrected at most; "changes"
    bring the instant from which each version was known (`known_at`); a "snapshot" tells only what is now, so
    a version is known from its load. `event_at`: the column of the instant a row speaks of. `cursor`: the
    column whose growth tells what is new. `deletes`: keys gone from the source end as deleted versions.
    `zone`: IANA name for instants without an offset. `at_least_rows` a load, `at_most_age_h` hours since the
    newest event: else volume or freshness is at fault. `lateness_s`: how many seconds events may come after
    younger ones; then the table has a watermark (see `watermarks`). `options`: the connector's own.
    """

    name: str
    columns: tuple[DeclaredColumn, ...]
    read: str
    key: tuple[str, ...]
    history: str = "snapshot"
    event_at: str | None = None
    known_at: str | None = None
    cursor: str | None = None
    required: tuple[str, ...] = ()
    policy: str = "quarantine"
    deletes: bool = False
    zone: str | None = None
    at_least_rows: int | None = None
    at_most_age_h: float | None = None
    lateness_s: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that may not be missing."""
        named = (self.event_at, self.known_at, *self.required)
        return tuple(dict.fromkeys((*self.key, *(name for name in named if name))))


@dataclass(frozen=True)
class DeclaredSource:
    """A source: `connection` names the environment variable that holds its address or credentials."""

    name: str
    kind: str
    connection: str | None
    tables: tuple[DeclaredTable, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def secret(self) -> Secret | None:
        """What `connection` names; None where it names nothing. Raises SettingsError where it is not set."""
        return secret_named(self.connection) if self.connection else None

    def relation(self, table: DeclaredTable) -> str:
        """The table's name in the schemas `raw` and `landing`."""
        return f"{self.name}__{table.name}"

    def table(self, name: str) -> DeclaredTable:
        """Raises LoadError naming the tables there are."""
        for table in self.tables:
            if table.name == name:
                return table
        known = ", ".join(table.name for table in self.tables)
        raise LoadError(
            f"source {self.name} has no such table", value=name, allowed=known, next_step="name one of these"
        )


def declared_sources(staging: Path) -> dict[str, DeclaredSource]:
    """Every source below the folder of staging models whose file has a `loader` entry, by name.

    Raises:
        LoadError: naming file, place, value and what is allowed.
    """
    import yaml

    found: dict[str, DeclaredSource] = {}
    for path in sorted(staging.glob("*/*.yml")):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            raise _fault(path, "file", str(error), "YAML") from error
        for entry in content.get("sources") or []:
            loader = _meta(entry).get("loader")
            if loader is not None:
                source = _source(path, entry, loader)
                found[source.name] = source
    return found


def _source(path: Path, entry: Mapping[str, Any], loader: Any) -> DeclaredSource:
    name, place = entry.get("name"), f"source {entry.get('name')}"
    _check_options(path, place, loader, SOURCE_OPTIONS)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise _fault(path, "source name", name, "lower-case letters, digits and single _")
    if path.parent.name != name:
        raise _fault(path, f"{place}: folder", path.parent.name, f"a folder named {name}")
    _check_one_of(path, f"{place}: kind", loader.get("kind"), MODULES)
    tables = tuple(_table(path, place, table) for table in entry.get("tables") or [])
    if not tables:
        raise _fault(path, f"{place}: tables", [], "at least one table")
    return DeclaredSource(name, loader["kind"], loader.get("connection"), tables, loader.get("options") or {})


def _table(path: Path, source: str, entry: Mapping[str, Any]) -> DeclaredTable:
    loader, place = _meta(entry).get("loader") or {}, f"{source}, table {entry.get('name')}"
    _check_options(path, place, loader, TABLE_OPTIONS)
    name = entry.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise _fault(path, f"{place}: name", name, "lower-case letters, digits and single _")
    columns = tuple(_column(path, place, column) for column in entry.get("columns") or [])
    # the file may describe the columns that loading adds; the source has them only where an option says so
    taken = {loader.get("event_at"), loader.get("known_at")}
    columns = tuple(column for column in columns if column.name not in OWN or column.name in taken)
    names = [column.name for column in columns]
    values = {option: loader[option] for option in TABLE_OPTIONS & loader.keys()}
    values["key"], values["required"] = tuple(loader.get("key") or ()), tuple(loader.get("required") or ())
    values["read"] = loader.get("read") or name
    table = DeclaredTable(name, columns, description=str(entry.get("description", "")).strip(), **values)
    _check_one_of(path, f"{place}: history", table.history, HISTORIES)
    _check_one_of(path, f"{place}: policy", table.policy, POLICIES)
    for option in ("key", "required", "event_at", "known_at", "cursor"):
        given = values.get(option) or ()
        for column in (given,) if isinstance(given, str) else given:
            _check_one_of(path, f"{place}: {option}", column, names)
    if not table.key:
        raise _fault(path, f"{place}: key", [], f"columns that name a row: {', '.join(names)}")
    if table.history == "changes" and not table.known_at:
        raise _fault(path, f"{place}: known_at", None, "the column that says from when a change was known")
    for option in ("event_at", "known_at"):
        kind = next((column.kind for column in columns if column.name == values.get(option)), "instant")
        _check_one_of(path, f"{place}: kind of {option}", kind, ("instant", "date"))
    return table


def _column(path: Path, place: str, entry: Mapping[str, Any]) -> DeclaredColumn:
    name, sql_type = entry.get("name"), str(entry.get("data_type", "")).strip().lower()
    kind = "decimal" if _NUMERIC.fullmatch(sql_type) else DATA_TYPES.get(sql_type)
    if not isinstance(name, str) or not name:
        raise _fault(path, f"{place}: column name", name, "a name")
    if kind is None:
        raise _fault(path, f"{place}, column {name}: data_type", sql_type, ", ".join(DATA_TYPES))
    return DeclaredColumn(name, kind, sql_type)


def _meta(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return (entry.get("config") or {}).get("meta") or entry.get("meta") or {}


def _check_options(path: Path, place: str, loader: Any, allowed: set[str]) -> None:
    if not isinstance(loader, Mapping):
        raise _fault(path, f"{place}: loader", loader, f"a mapping of {', '.join(sorted(allowed))}")
    for option in loader:
        _check_one_of(path, f"{place}: option of loader", option, sorted(allowed))


def _check_one_of(path: Path, place: str, value: Any, allowed: Any) -> None:
    if value not in allowed:
        raise _fault(path, place, value, ", ".join(map(str, allowed)))


def _fault(path: Path, place: str, value: Any, allowed: str) -> LoadError:
    return LoadError(f"{path.name}: {place}", value=value, allowed=allowed, next_step="correct the file")
