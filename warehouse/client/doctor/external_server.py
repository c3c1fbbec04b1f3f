"""Checks of a server named by STARHOUSE_WAREHOUSE_URL: reachable, entered, new enough, writable.

Belongs here: questions to that server that change nothing. Does not belong: the embedded server.
"""

from __future__ import annotations

import re

from warehouse.client.connection import MAINTENANCE_DATABASE, connect, database_exists
from warehouse.client.doctor.finding import Finding, fine, problem
from warehouse.client.errors import WarehouseError
from warehouse.client.identifiers import quote
from warehouse.client.settings import Settings
from warehouse.client.urls import address

# words of the refusal → (check, next step)
REFUSALS = (
    (
        r"Connection refused|timeout expired|could not translate host|No route|No such file|unreachable",
        "no server",
        "Start that server, or mend host and port in STARHOUSE_WAREHOUSE_URL, or unset it for the "
        "embedded server.",
    ),
    (
        r"wrong version",
        "version",
        "Upgrade it to 15 or newer, or unset STARHOUSE_WAREHOUSE_URL for the embedded one.",
    ),
    (
        r"password authentication failed|no password supplied|no pg_hba.conf entry|role .* does not exist",
        "login",
        "Mend user and password in STARHOUSE_WAREHOUSE_URL, or let an administrator allow this login.",
    ),
)


def checks(settings: Settings) -> list[Finding]:
    """One finding for the connection, and one for the right to write."""
    try:
        return [_server(settings), _permission(settings)]
    except WarehouseError as error:
        for pattern, name, mend in REFUSALS:
            if re.search(pattern, str(error)):
                return [problem(name, str(error), mend)]
        return [problem("server", str(error), "Ask the administrator of that server.")]


def _server(settings: Settings) -> Finding:
    opened = connect(settings, None if _is_there(settings) else MAINTENANCE_DATABASE)
    version = opened.info.parameter_status("server_version")
    opened.close()
    where = address(settings)
    return fine("server", f"PostgreSQL {version} at {where.host}:{where.port}, user {where.user}")


def _is_there(settings: Settings) -> bool:
    """Whether the database can be entered; False only if it is missing."""
    try:
        connect(settings).close()
        return True
    except WarehouseError:
        if database_exists(settings):
            raise
        return False


def _permission(settings: Settings) -> Finding:
    user, name = address(settings).user, settings.database
    if _is_there(settings):
        sql, database = "select has_database_privilege(current_database(), 'create')", name
        step = f"GRANT CREATE ON DATABASE {quote(name)} TO {quote(user)};"
        text = f"user {user} may create no schema in database {name}"
    else:
        sql = "select rolcreatedb or rolsuper from pg_roles where rolname = current_user"
        database = MAINTENANCE_DATABASE
        step = f"CREATE DATABASE {quote(name)} OWNER {quote(user)};"
        text = f"database {name} is missing and user {user} may not create it"
    opened = connect(settings, database)
    try:
        with opened.cursor() as cursor:
            cursor.execute(sql)
            (is_allowed,) = cursor.fetchone()
    finally:
        opened.close()
    if is_allowed:
        return fine("permission", f"user {user} may write database {name}")
    return problem("permission", f"No permission: {text}.", f"Let an administrator run: {step}")
