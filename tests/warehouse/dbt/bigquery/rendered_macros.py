"""The project's macros rendered without dbt, for one engine: a test holds their text, not a copy of it.

Belongs here: what dbt gives a macro that makes an expression. Does not belong here: models, expectations.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2

from warehouse.client import load_settings

DBT = Path(next(iter(find_spec("dbt.include").submodule_search_locations)))
TYPES = {"postgres": {"string": "text"}, "bigquery": {"float": "float64", "integer": "int64"}}


class Engine:
    """`render(text)` gives the SQL of an expression of macros on `postgres` or `bigquery`."""

    def __init__(self, name: str) -> None:
        self._name = name
        environment = jinja2.Environment(extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined)
        self._macros: dict[str, Any] = {
            "return": lambda value: value,
            "var": lambda name, default=None: default,
        }
        self._macros["dbt_version"] = version("dbt-core")
        self._macros |= {"adapter": self, "dbt": _Names(self._macros), "api": SimpleNamespace(Column=self)}
        # By the version dbt chooses between its own spellings of one function.
        folders = (DBT / "global_project/macros/utils", DBT / name / "macros/utils")
        ours = load_settings().dbt_project_dir / "macros"
        files = [file for folder in folders for file in sorted(folder.glob("*.sql"))]
        for file in (*files, *sorted(ours.rglob("*.sql"))):
            if not {"test_", "unit_"} & {file.name[:5]}:
                self._read(environment, file.read_text(encoding="utf-8"))
        self._environment = environment

    def _read(self, environment: jinja2.Environment, text: str) -> None:
        # What `return` gives is text here too, and jinja writes it.
        template = environment.from_string(text)
        module = template.make_module(self._macros, shared=True)
        own = {name: value for name, value in vars(module).items() if not name.startswith("_")}
        self._macros.update(own)

    def dispatch(self, name: str, package: str | None = None) -> Any:
        """The macro of this engine, or the one for all."""
        return self._macros.get(f"{self._name}__{name}") or self._macros[f"default__{name}"]

    def translate_type(self, name: str) -> str:
        """What dbt calls a type by, in the engine's word."""
        return TYPES[self._name].get(name, name)

    def render(self, text: str) -> str:
        return str(self._environment.from_string("{{ " + text + " }}").render(self._macros)).strip()


class _Names:
    """`dbt.type_float()` is the macro type_float."""

    def __init__(self, macros: dict[str, Any]) -> None:
        self._macros = macros

    def __getattr__(self, name: str) -> Any:
        return self._macros[name]


@cache
def engine(name: str) -> Engine:
    return Engine(name)
