"""Settings of one house: where it lives, which environment, which warehouse.

Belongs here: reading the environment into one frozen value, and the folders that follow from it. Does not
belong: connecting, starting servers, or settings of a single model or source.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from warehouse.client.bigquery.place import SCHEME, BigQueryPlace, dataset_in, read_place
from warehouse.client.errors import SettingsError, scrub

ENVIRONMENTS = ("dev", "test", "prod")
SCHEMES = ("postgresql", "postgres", "postgresql+psycopg2")
PROJECT_ROOT = Path(__file__).resolve().parents[2]
PASSWORD_VARIABLE = (
    "DBT_ENV_SECRET_STARHOUSE_PASSWORD"  # dbt keeps values of DBT_ENV_SECRET_* out of its logs
)
_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,62}")


class Secret:
    """A text that shows itself only when asked by `reveal()`; its repr, str and pickle hide it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"Secret({scrub(self._value)!r})" if "://" in self._value else "Secret('***')"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> Any:
        raise TypeError("A Secret is not written to files or sent to other processes.")


@dataclass(frozen=True)
class Settings:
    """All that decides where data are: immutable, safe to print.

    env is dev, test or prod. home holds everything the project writes (git-ignored). root is the project's
    folder. database is the database's name, on BigQuery the prefix of the datasets. warehouse_url is the
    external server's address, None for the embedded server.
    """

    env: str
    home: Path
    root: Path
    database: str
    warehouse_url: Secret | None = None

    @property
    def is_embedded(self) -> bool:
        return self.warehouse_url is None

    @property
    def engine(self) -> str:
        """`postgres` or `bigquery`, by the URL."""
        is_bigquery = self.warehouse_url is not None and self.warehouse_url.reveal().startswith(f"{SCHEME}:")
        return "bigquery" if is_bigquery else "postgres"

    @property
    def bigquery(self) -> BigQueryPlace:
        """Where BigQuery's datasets are. Raises SettingsError where the warehouse is not on BigQuery."""
        if self.warehouse_url is None or self.engine != "bigquery":
            raise SettingsError(
                "Settings failed: the warehouse is on Postgres. Allowed here: "
                "STARHOUSE_WAREHOUSE_URL=bigquery://project/dataset."
            )
        return read_place(self.warehouse_url.reveal(), self.database)

    @property
    def is_default_home(self) -> bool:
        return self.home == self.root / ".starhouse"

    @property
    def postgres_dir(self) -> Path:
        return self.home / "postgres"

    @property
    def run_dir(self) -> Path:
        return self.home / "run"

    @property
    def dlt_dir(self) -> Path:
        return self.home / "dlt"

    @property
    def dagster_dir(self) -> Path:
        return self.home / "dagster"

    @property
    def reports_dir(self) -> Path:
        return self.home / "reports"

    @property
    def dbt_project_dir(self) -> Path:
        return self.root / "warehouse"

    @property
    def dbt_target_dir(self) -> Path:
        return self.home / "dbt" / "target"

    @property
    def dbt_log_dir(self) -> Path:
        return self.home / "dbt" / "logs"

    @property
    def profiles_dir(self) -> Path:
        """Where `profiles.yml` lies: beside the dbt project for the default home, so plain `dbt build` finds
        it.
        """
        return self.dbt_project_dir if self.is_default_home else self.home


def load_settings(**overrides: Any) -> Settings:
    """Settings from the process environment, each replaceable by keyword (env, home, root, database,
    warehouse_url).

    Reads STARHOUSE_HOME, STARHOUSE_ENV, STARHOUSE_DATABASE and STARHOUSE_WAREHOUSE_URL; touches no file or
    network. Raises SettingsError for an unknown environment or override, a bad database name or a URL of
    another kind.
    """
    unknown = sorted(set(overrides) - {"env", "home", "root", "database", "warehouse_url"})
    if unknown:
        raise SettingsError(
            f"Settings failed: unknown override {unknown}. Allowed: env, home, root, database, warehouse_url."
        )
    root = Path(overrides.get("root") or PROJECT_ROOT).resolve()
    env = overrides.get("env") or os.environ.get("STARHOUSE_ENV") or "dev"
    if env not in ENVIRONMENTS:
        raise SettingsError(
            f"Settings failed: STARHOUSE_ENV is {env!r}. Allowed: {', '.join(ENVIRONMENTS)}. "
            "Set one of these, or unset it for dev."
        )
    home = Path(overrides.get("home") or os.environ.get("STARHOUSE_HOME") or root / ".starhouse").expanduser()
    url = _url(overrides.get("warehouse_url", os.environ.get("STARHOUSE_WAREHOUSE_URL")))
    database = (
        overrides.get("database")
        or os.environ.get("STARHOUSE_DATABASE")
        or _url_database(url)
        or f"starhouse_{env}"
    )
    if url is not None and urlsplit(url.reveal()).scheme == SCHEME:
        read_place(url.reveal(), database)
    elif not _DATABASE.fullmatch(database):
        raise SettingsError(
            f"Settings failed: the database name is {database!r}. Allowed: a letter or _ first, then "
            "letters, digits, "
            "_ or -, 63 at most. Change STARHOUSE_DATABASE or the path of STARHOUSE_WAREHOUSE_URL."
        )
    return Settings(env, Path(os.path.abspath(home)), root, database, url)


def _url(value: Secret | str | None) -> Secret | None:
    """The external server's URL, checked; an empty value means the embedded server."""
    text = value.reveal() if isinstance(value, Secret) else value
    if not text:
        return None
    allowed = (
        "Allowed: postgresql://user:password@host:port/database or bigquery://project/dataset. Mend "
        "STARHOUSE_WAREHOUSE_URL, or unset it."
    )
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  (raises ValueError for a port that is no number from 0 to 65535)
    except ValueError:
        raise SettingsError(
            f"Settings failed: STARHOUSE_WAREHOUSE_URL cannot be read as a URL. {allowed}"
        ) from None
    if parts.scheme == SCHEME:
        return Secret(text)
    if parts.scheme not in SCHEMES:
        shown = parts.scheme or "no scheme"
        raise SettingsError(f"Settings failed: STARHOUSE_WAREHOUSE_URL has {shown!r} as its kind. {allowed}")
    return Secret("postgresql" + text[len(parts.scheme) :])


def _url_database(url: Secret | None) -> str | None:
    if url is None:
        return None
    if urlsplit(url.reveal()).scheme == SCHEME:
        return dataset_in(url.reveal())
    return unquote(urlsplit(url.reveal()).path.lstrip("/")) or None
