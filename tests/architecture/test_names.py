"""Names, sizes and neighbours of files: what a reader may rely on when looking for something."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from tests.architecture.source_tree import MODELS, ROOT, dbt_models, python_files

MAX_PYTHON_LINES = 250
MAX_FUNCTION_LINES = 40
MAX_SQL_LINES = 120
BANNED_MODULES = {"utils", "util", "helpers", "helper", "common", "misc", "base"}
NAMES = {
    "stg": r"stg_[a-z0-9]+__[a-z0-9_]+",
    "int": r"int_[a-z0-9]+(_[a-z0-9]+)*__[a-z0-9_]+",
    "scr": r"scr_[a-z0-9_]+",
    "ftr": r"ftr_[a-z0-9]+__[a-z0-9_]+",
    "cof": r"cof_[a-z0-9]+__[a-z0-9_]+",
    "dim": r"dim_[a-z0-9_]+",
    "fct": r"fct_[a-z0-9_]+",
    "brg": r"brg_[a-z0-9_]+",
    "agg": r"agg_[a-z0-9_]+",
    "rpt": r"rpt_[a-z0-9_]+",
}


def long_functions(source: str) -> list[tuple[str, int]]:
    """Functions longer than the limit, decorators and docstring left out of the count."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body
            if ast.get_docstring(node) is not None and len(body) > 1:
                body = body[1:]
            lines = node.end_lineno - body[0].lineno + 1
            if lines > MAX_FUNCTION_LINES:
                found.append((node.name, lines))
    return found


def test_python_files_are_small_and_say_what_they_are_for():
    wrong = []
    for path in python_files():
        source = path.read_text(encoding="utf-8")
        name = str(path.relative_to(ROOT))
        if len(source.splitlines()) > MAX_PYTHON_LINES:
            wrong.append(f"{name}: {len(source.splitlines())} lines")
        if source.strip() and ast.get_docstring(ast.parse(source)) is None:
            wrong.append(f"{name}: no module docstring")
        wrong += [f"{name}: {function} has {lines} lines" for function, lines in long_functions(source)]
        if path.stem in BANNED_MODULES:
            wrong.append(f"{name}: a module is named after what it holds")
    assert wrong == []


def test_a_planted_long_function_is_found():
    source = "def f():\n" + "    x = 1\n" * (MAX_FUNCTION_LINES + 1)
    assert long_functions(source) == [("f", MAX_FUNCTION_LINES + 1)]


def test_models_are_named_by_the_grammar_and_small():
    wrong = []
    for model in dbt_models():
        if not re.fullmatch(NAMES.get(model.layer, r"(?!)"), model.name):
            wrong.append(f"{model.path}: no name of the grammar")
        lines = len((ROOT / model.path).read_text(encoding="utf-8").splitlines())
        if lines > MAX_SQL_LINES:
            wrong.append(f"{model.path}: {lines} lines")
    assert wrong == []


def model_yaml(path: Path) -> dict:
    """The properties of the model whose YAML stands beside its SQL."""
    beside = (ROOT / path).with_suffix(".yml")
    assert beside.exists(), f"{path}: no {beside.name} beside it"
    models = yaml.safe_load(beside.read_text(encoding="utf-8"))["models"]
    entries = [model for model in models if model["name"] == path.stem]
    assert len(entries) == 1, f"{beside}: must describe {path.stem} once"
    return entries[0]


def property_breaches(name: str, entry: dict) -> list[str]:
    """What a model's properties lack: description of the grain, typed and described columns, tests."""
    found = []
    if not entry.get("description", "").startswith("One row per "):
        found.append(f"{name}: the description does not begin with 'One row per '")
    columns = entry.get("columns", [])
    found += [f"{name}.{c['name']}: no data_type" for c in columns if not c.get("data_type")]
    found += [f"{name}.{c['name']}: no description" for c in columns if not c.get("description")]
    if not (entry.get("data_tests") or any(c.get("data_tests") for c in columns)):
        found.append(f"{name}: no test")
    return found


@pytest.mark.parametrize("model", dbt_models(), ids=lambda model: model.name)
def test_every_model_has_its_properties_beside_it(model):
    assert property_breaches(model.name, model_yaml(model.path)) == []


def test_missing_properties_are_found():
    assert len(property_breaches("m", {"description": "Rows", "columns": [{"name": "a"}]})) == 4


@pytest.mark.parametrize("model", [m for m in dbt_models() if m.layer == "fct"], ids=lambda model: model.name)
def test_every_fact_states_grain_additivity_and_lateness(model):
    text = (ROOT / model.path).read_text(encoding="utf-8").lower()
    assert [word for word in ("grain", "additiv", "lateness") if word not in text] == []


def test_every_staging_folder_has_its_loader():
    from warehouse.loaders import LOADERS, declared_loaders

    folders = {path.name for path in (MODELS / "staging").iterdir() if path.is_dir()} - {"ml"}
    assert folders == {*LOADERS, *declared_loaders()}


def test_every_declared_model_lies_in_a_file_of_its_name():
    from ml.spec import load_specs

    specs = load_specs()
    assert specs
    assert {path.stem for path in (ROOT / "ml" / "models").glob("*.yml")} == set(specs)
