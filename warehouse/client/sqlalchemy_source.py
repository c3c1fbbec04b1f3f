"""The warehouse as a library over SQLAlchemy reaches it, such as Great Expectations.

Belongs here: the URL, the engine's arguments, and how a schema and a query are spelled for each engine. Does
not belong here: what is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from warehouse.client.urls import connection_urls

if TYPE_CHECKING:
    from warehouse.client.bigquery.warehouse import BigQueryWarehouse
    from warehouse.client.warehouse import Warehouse


@dataclass(frozen=True)
class SqlAlchemySource:
    """`url` and `arguments` make the engine (`sqlalchemy.create_engine`). `schema_of` gives the database's
    name of a schema of the house, `sql_of` a query of Postgres as the engine takes it. Holds a password or a
    client, so it shows nothing of itself when printed.
    """

    url: str = field(repr=False)
    arguments: dict[str, Any] = field(repr=False)
    schema_of: Callable[[str], str] = field(repr=False)
    sql_of: Callable[[str], str] = field(repr=False)


def sqlalchemy_source(wh: Warehouse) -> SqlAlchemySource:
    """How to reach the open warehouse `wh`; valid until it is closed."""
    if wh.dialect == "postgres":
        return SqlAlchemySource(connection_urls(wh.settings).sqlalchemy, {}, str, str)
    other = cast("BigQueryWarehouse", wh)
    place = other.place
    return SqlAlchemySource(
        f"bigquery://{place.project}/{place.dataset}?user_supplied_client=true",
        {"connect_args": {"client": other.google_client}},
        place.dataset_of,
        other.googlesql,
    )
