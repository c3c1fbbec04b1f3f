"""dbt's `profiles.yml`, written from the settings so that plain `dbt build` finds the same warehouse.

Belongs here: the profile. Does not belong: passwords, which it takes from the environment when dbt reads it.
"""

from __future__ import annotations

import os
from pathlib import Path

from warehouse.client.bigquery.profile import target_lines
from warehouse.client.settings import ENVIRONMENTS, PASSWORD_VARIABLE, Settings
from warehouse.client.urls import address

NAME = "starhouse"
THREADS = 4
PASSED_ON = ("sslmode", "sslcert", "sslkey", "sslrootcert", "connect_timeout")


def profile_path(settings: Settings) -> Path:
    return settings.profiles_dir / "profiles.yml"


def profile_text(settings: Settings) -> str:
    """The profile: one target an environment. STARHOUSE_DATABASE replaces the database's name when dbt
    runs.
    """
    lines = [
        "# Written by Starhouse (`starhouse up`); changes are lost. Holds no password.",
        f"{NAME}:",
        f"  target: \"{{{{ env_var('STARHOUSE_ENV', '{settings.env}') }}}}\"",
        "  outputs:",
    ]
    for env in ENVIRONMENTS:
        lines += [f"    {env}:", *(f"      {line}" for line in _output(settings, env))]
    return "\n".join(lines) + "\n"


def _output(settings: Settings, env: str) -> list[str]:
    own = settings.database if env == settings.env else f"starhouse_{env}"
    if settings.engine == "bigquery":
        return target_lines(settings.bigquery, own)
    where = address(settings)
    password = "''" if settings.is_embedded else f"\"{{{{ env_var('{PASSWORD_VARIABLE}', '') }}}}\""
    options = [f"{key}: {_text(value)}" for key, value in where.options if key in PASSED_ON]
    return [
        "type: postgres",
        f"host: {_text(where.host)}",
        f"port: {where.port}",
        f"user: {_text(where.user)}",
        f"password: {password}",
        f"dbname: \"{{{{ env_var('STARHOUSE_DATABASE', '{own}') }}}}\"",
        "schema: public",
        f"threads: {THREADS}",
        *options,
    ]


def _text(value: str) -> str:
    return value if value.isdigit() else "'" + value.replace("'", "''") + "'"


def write_profile(settings: Settings) -> Path:
    """Write the profile if it is missing or out of date, whole or not at all; returns its path."""
    path, text = profile_path(settings), profile_text(settings)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_text(text, encoding="utf-8")
        partial.chmod(0o600)
        partial.replace(path)
    return path
