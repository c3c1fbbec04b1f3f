"""Opening connections: drivers, session settings, the database itself.

Belongs here: connecting, creating the database, turning drivers' errors into ours. Does not belong: queries.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from warehouse.client.errors import WarehouseError, scrub
from warehouse.client.identifiers import quote
from warehouse.client.settings import Settings
from warehouse.client.urls import address, connection_urls

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

OLDEST_VERSION = 150000
CONNECT_TIMEOUT_S = 10
SESSION = {
    "timezone": "UTC",
    "client_connection_check_interval": "1000",
    "lock_timeout": "300s",
    "idle_in_transaction_session_timeout": "900s",
}
NO_PERMISSION = "42501"
WRONG_VERSION = "wrong version"
MAINTENANCE_DATABASE = "postgres"  # every server has it, and every login may enter it by default


@contextmanager
def translated(action: str, settings: Settings) -> Iterator[None]:
    """Driver errors inside become WarehouseError with the server's words, its code, and no secret."""
    import psycopg2

    try:
        yield
    except psycopg2.Error as error:
        diagnosis = getattr(error, "diag", None)
        parts = [str(error).strip() or type(error).__name__]
        where = address(settings)
        text = scrub(f"{action} failed: {'; '.join(parts)}", where.password)
        raise WarehouseError(text, error.pgcode, getattr(diagnosis, "constraint_name", None)) from None


def connect(settings: Settings, database: str | None = None) -> Connection:
    """A psycopg2 connection to `settings.database` (or another) in autocommit, its session in UTC.

    Raises WarehouseError naming host and port, for no server, refused login, missing database or a server
    below 15.
    """
    import psycopg2

    where = address(settings)
    with translated(
        f"Connecting to database {database or settings.database!r} on {_place(settings)}", settings
    ):
        opened = psycopg2.connect(
            dbname=database or settings.database, user=where.user, host=where.host, port=where.port,
            **({"password": where.password} if where.password else {}),
            **{"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "starhouse", **dict(where.options)},
        )  # fmt: skip
        opened.autocommit = True
    if opened.server_version < OLDEST_VERSION:
        found = opened.info.parameter_status("server_version")
        opened.close()
        raise WarehouseError(
            f"Connecting failed: {WRONG_VERSION}, {_place(settings)} is PostgreSQL {found}. Allowed: 15 or "
            "newer. "
            "Upgrade that server, point STARHOUSE_WAREHOUSE_URL elsewhere, or unset it for the embedded one."
        )
    if not settings.is_embedded:
        with translated("Preparing the session", settings), opened.cursor() as cursor:
            for name, value in SESSION.items():
                cursor.execute(f"set {quote(name)} = %s", (value,))
    return opened


def server_version(settings: Settings) -> str:
    """The server's version, `18.4`. Raises WarehouseError."""
    opened = connect(settings, MAINTENANCE_DATABASE)
    try:
        return str(opened.info.parameter_status("server_version"))
    finally:
        opened.close()


def database_exists(settings: Settings) -> bool:
    """Whether `settings.database` is there, asked of the server's list: messages differ by its language."""
    opened = connect(settings, MAINTENANCE_DATABASE)
    try:
        with translated("Looking for the database", settings), opened.cursor() as cursor:
            cursor.execute("select 1 from pg_database where datname = %s", (settings.database,))
            return cursor.fetchone() is not None
    finally:
        opened.close()


def connect_or_create(settings: Settings) -> Connection:
    """A connection to `settings.database`, which is created if missing. Raises WarehouseError."""
    try:
        return connect(settings)
    except WarehouseError as refused:
        try:
            is_there = database_exists(settings)
        except WarehouseError as second:
            raise second if WRONG_VERSION in str(second) else refused from None
        if is_there:
            raise
    _create_database(settings)
    return connect(settings)


def _create_database(settings: Settings) -> None:
    name = quote(settings.database)
    opened = connect(settings, MAINTENANCE_DATABASE)
    try:
        with translated(f"Creating database {settings.database!r}", settings), opened.cursor() as cursor:
            try:
                cursor.execute(f"create database {name} encoding 'UTF8' template template0")
            except Exception as error:
                if getattr(error, "pgcode", None) in {"42P04", "23505"}:
                    return  # another process was faster
                raise
            for setting, value in SESSION.items():
                cursor.execute(f"alter database {name} set {quote(setting)} = %s", (value,))
    except WarehouseError as error:
        if error.sqlstate != NO_PERMISSION:
            raise
        user = address(settings).user
        raise WarehouseError(
            f"Creating database {settings.database!r} failed: no permission for user {user!r} "
            f"on {_place(settings)}. Let an administrator run: CREATE DATABASE {name} OWNER {quote(user)}; "
            "or name an existing database in STARHOUSE_DATABASE.",
            error.sqlstate,
        ) from None
    finally:
        opened.close()


def adbc_connect(settings: Settings) -> Any:
    """An ADBC connection (Arrow in and out), not in autocommit, its session in UTC. Raises WarehouseError."""
    import adbc_driver_manager
    from adbc_driver_postgresql import dbapi

    try:
        opened = dbapi.connect(connection_urls(settings).adbc)
        with opened.cursor() as cursor:
            cursor.execute("set timezone = 'UTC'")
        opened.commit()
        return opened
    except adbc_driver_manager.Error as error:
        raise arrow_error("Connecting for Arrow", error, settings) from None


def arrow_error(action: str, error: Exception, settings: Settings) -> WarehouseError:
    """An ADBC driver's error as ours, without secrets."""
    text = scrub(f"{action} failed: {error}", address(settings).password)
    return WarehouseError(text, getattr(error, "sqlstate", None))


def _place(settings: Settings) -> str:
    where = address(settings)
    return f"socket {where.host}" if where.host.startswith("/") else f"{where.host}:{where.port}"
