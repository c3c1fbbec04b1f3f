"""The dbt manifest the definitions are made from: parsed once for each state of the project, then kept in
the home.

Parsing needs no database and takes some seconds, so the result is stored under a hash of everything it
depends on: a fresh clone parses at first use, and an edit parses again. Belongs here: finding or making the
manifest. Does not belong here: running models.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from warehouse.client import Settings, WarehouseError, subprocess_env, write_profile

PARSED_SUFFIXES = {".sql", ".yml", ".yaml", ".csv", ".md"}
PARSED_FOLDERS = ("models", "macros", "data_tests", "snapshots", "seeds", "analyses")
KEPT_MANIFESTS = 5
DBT = str(
    Path(sys.executable).with_name("dbt")
)  # not from PATH: cron and systemd have no virtual environment there


def project_hash(settings: Settings) -> str:
    """SHA-256 over the path and content of each file dbt parses, and over dbt's version and the target."""
    root = Path(settings.dbt_project_dir)
    files = [root / "dbt_project.yml"]
    for folder in PARSED_FOLDERS:
        files += sorted(p for p in (root / folder).rglob("*") if p.suffix in PARSED_SUFFIXES)
    digest = hashlib.sha256(
        f"{version('dbt-core')} {settings.env} {settings.engine} {settings.database}".encode()
    )
    for file in files:
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def manifest_dir(settings: Settings) -> Path:
    """Folder with `manifest.json` and `partial_parse.msgpack` of the project as it is now; parses where it
    must.

    Raises `WarehouseError` with dbt's own message where the project does not parse.
    """
    store = Path(settings.home) / "dbt" / "manifests"
    target = store / project_hash(settings)[:24]
    if (target / "manifest.json").exists():
        return target
    store.mkdir(parents=True, exist_ok=True)
    with (store / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes that start together parse once
        if not (target / "manifest.json").exists():
            _parse_into(settings, target)
            _forget_old(store)
    return target


def read_manifest(settings: Settings) -> dict[str, Any]:
    """The project's manifest, its schemas as the house names them: on BigQuery a schema is a dataset whose
    name begins with the warehouse's own, and an asset's key must be the same in every environment.
    """
    manifest = json.loads((manifest_dir(settings) / "manifest.json").read_text(encoding="utf-8"))
    if settings.engine == "bigquery":
        for props in (*manifest["nodes"].values(), *manifest["sources"].values()):
            props["schema"] = props["schema"].removeprefix(f"{settings.database}_")
    return manifest


def _parse_into(settings: Settings, target: Path) -> None:
    write_profile(settings)
    scratch = Path(tempfile.mkdtemp(prefix=".parse-", dir=target.parent))
    try:
        env = subprocess_env(settings) | {"DBT_TARGET_PATH": str(scratch), "DBT_LOG_PATH": str(scratch)}
        done = subprocess.run(
            [DBT, "parse", "--target", settings.env],
            cwd=settings.dbt_project_dir,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not (scratch / "manifest.json").exists():
            raise WarehouseError(
                f"The dbt project in {settings.dbt_project_dir} does not parse (exit {done.returncode}):\n"
                f"{done.stdout[-4000:]}{done.stderr[-2000:]}\n"
                "Mend the file it names, then check with `dbt parse` inside warehouse/."
            )
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _forget_old(store: Path) -> None:
    folders = sorted(
        (p for p in store.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime, reverse=True
    )
    for old in folders[KEPT_MANIFESTS:]:
        shutil.rmtree(old, ignore_errors=True)
