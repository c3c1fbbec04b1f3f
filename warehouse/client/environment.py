"""The environment that child processes and in-process libraries need; the only writer of `os.environ`.

Belongs here: variables for dbt, Dagster, Great Expectations, BentoML and dlt, and the secrets that sources
name. Does not belong: reading settings.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from warehouse.client.errors import SettingsError
from warehouse.client.settings import PASSWORD_VARIABLE, Secret, Settings

TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "GX_ANALYTICS_ENABLED": "false",
    "BENTOML_DO_NOT_TRACK": "True",  # "1" does nothing in BentoML 1.4
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}
EMULATOR_VARIABLE = "BIGQUERY_EMULATOR_HOST"  # Google's library, where another makes its own client


def _own_variables(settings: Settings) -> dict[str, str]:
    values = dict(
        TELEMETRY_OFF,
        STARHOUSE_HOME=str(settings.home),
        STARHOUSE_ENV=settings.env,
        STARHOUSE_DATABASE=settings.database,
        DBT_PROFILES_DIR=str(settings.profiles_dir),
        DBT_PROJECT_DIR=str(settings.dbt_project_dir),
        DBT_TARGET_PATH=str(settings.dbt_target_dir),
        DBT_LOG_PATH=str(settings.dbt_log_dir),
        DBT_INDIRECT_SELECTION="buildable",  # no test of a table left out of the selection
        DAGSTER_HOME=str(settings.dagster_dir),
        TZ="UTC",
        PGTZ="UTC",
    )
    if settings.warehouse_url is not None:
        url = settings.warehouse_url.reveal()
        values["STARHOUSE_WAREHOUSE_URL"] = url
    if settings.engine == "bigquery" and settings.bigquery.endpoint:
        values[EMULATOR_VARIABLE] = settings.bigquery.endpoint
    elif settings.warehouse_url is not None:
        values[PASSWORD_VARIABLE] = unquote(urlsplit(url).password or "")
    return values


def subprocess_env(settings: Settings) -> dict[str, str]:
    """A full copy of this process' environment, with the variables of `settings`, UTC, and telemetry off.

    The folder of this Python's scripts comes first in PATH, so `dbt` and `dagster` are the ones of this
    environment.
    """
    env = {**os.environ, **_own_variables(settings)}
    if settings.warehouse_url is None:
        env.pop("STARHOUSE_WAREHOUSE_URL", None)
    if settings.engine == "bigquery":
        env.pop(PASSWORD_VARIABLE, None)
    scripts = str(Path(sys.executable).parent)
    paths = [path for path in env.get("PATH", "").split(os.pathsep) if path and path != scripts]
    env["PATH"] = os.pathsep.join([scripts, *paths])
    return env


def export_environment(settings: Settings) -> None:
    """Put `subprocess_env` into this process, for libraries that read its environment (Dagster, dbt)."""
    os.environ.update(subprocess_env(settings))


def secret_named(name: str) -> Secret:
    """The value of an environment variable that a declaration names, such as a source's address.

    Raises:
        SettingsError: it is not set. The text names the variable, never a value.
    """
    value = os.environ.get(name)
    if not value:
        raise SettingsError(
            f"Settings failed: the environment variable {name} is not set. Allowed: the address or "
            "credentials that the declaration of the source asks for. Set it and try again."
        )
    return Secret(value)
