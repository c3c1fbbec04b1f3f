"""Addresses of the warehouse for each library, all built here.

Belongs here: the spelling each driver needs. Does not belong: opening a connection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from warehouse.client.errors import SettingsError
from warehouse.client.settings import Settings

EMBEDDED_USER = "starhouse"
EMBEDDED_PORT = 5432  # only the name of the socket file: the embedded server listens on no TCP port


@dataclass(frozen=True)
class Urls:
    """One warehouse, spelled for each library. Holds the password, so it shows nothing of itself when
    printed.
    """

    libpq: str = field(repr=False)
    sqlalchemy: str = field(repr=False)
    dlt: str = field(repr=False)
    adbc: str = field(repr=False)


@dataclass(frozen=True)
class Address:
    """Host (or socket folder), port, user, password and further libpq options of one warehouse."""

    host: str
    port: int
    user: str
    password: str | None = field(repr=False)
    options: tuple[tuple[str, str], ...]


def address(settings: Settings) -> Address:
    """Where the server of these settings is; neither connects nor starts anything.

    Raises:
        SettingsError: the warehouse is on BigQuery, which has no such address.
    """
    if settings.engine != "postgres":
        raise SettingsError(
            f"Finding the server failed: the warehouse is on {settings.engine} (STARHOUSE_WAREHOUSE_URL). "
            "Allowed here: Postgres. Use settings.bigquery, or open_warehouse(settings)."
        )
    if settings.warehouse_url is None:
        from warehouse.client.embedded.layout import layout

        return Address(str(layout(settings).socket_dir), EMBEDDED_PORT, EMBEDDED_USER, None, ())
    parts = urlsplit(settings.warehouse_url.reveal())
    options = dict(parse_qsl(parts.query))
    host = options.pop("host", None) or parts.hostname or "localhost"
    port = int(options.pop("port", None) or parts.port or 5432)
    user = options.pop("user", None) or unquote(parts.username or "") or "postgres"
    password = options.pop("password", None) or (unquote(parts.password) if parts.password else None)
    return Address(host, port, user, password, tuple(options.items()))


def connection_urls(settings: Settings, database: str | None = None) -> Urls:
    """The URLs of `settings.database`, or of another database on the same server. Connects to nothing.

    SQLAlchemy 2.1 reads plain `postgresql://` as psycopg 3, so its URL names psycopg2; dlt accepts a socket
    folder only beside `localhost` and some password.
    """
    where, name = address(settings), quote(database or settings.database, safe="")
    is_socket = where.host.startswith("/")
    query = dict(where.options)
    if is_socket:
        query["host"] = where.host
        if where.port != EMBEDDED_PORT:
            query["port"] = str(where.port)
        login, place = where.user, ""
    else:
        login, place = quote(where.user, safe=""), f"{where.host}:{where.port}"
        if ":" in where.host:
            place = f"[{where.host}]:{where.port}"
    if where.password:
        login += ":" + quote(where.password, safe="")
    tail = ("?" + urlencode(query, safe="/", quote_via=quote)) if query else ""
    plain = f"{login}@{place}/{name}{tail}"
    # dlt demands a password, be it empty, and a host; libpq takes an empty one as none
    secret = quote(where.password, safe="") if where.password else "x" if is_socket else ""
    for_dlt = f"{where.user}:{secret}@{'localhost' if is_socket else place}/{name}{tail}"
    return Urls(
        f"postgresql://{plain}",
        f"postgresql+psycopg2://{plain}",
        f"postgresql://{for_dlt}",
        f"postgresql://{plain}",
    )
