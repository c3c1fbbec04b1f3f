"""The project's files as the architecture tests see them: Python imports by module, dbt models by layer.

Belongs here: reading and parsing files. Does not belong: any rule, which stands in the test that states it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("warehouse", "ml", "serving", "orchestration")
MODELS = ROOT / "warehouse" / "models"


@dataclass(frozen=True)
class Import:
    """One import statement: the file it stands in, its line and the dotted module it names."""

    file: Path
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def python_files(*folders: str) -> list[Path]:
    """Every Python file of the given top-level folders, generated and hidden folders left out."""
    found = []
    for folder in folders or LAYERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).parts
            if not any(part.startswith(".") or part in {"__pycache__", "target", "build"} for part in parts):
                found.append(path)
    return found


def imports_of(source: str, file: Path) -> Iterator[Import]:
    """Every import of one file's text, those inside functions too; `file` is relative to the root."""
    package = file.with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield Import(file, node.lineno, module)
            for alias in node.names:
                yield Import(file, node.lineno, f"{module}.{alias.name}")


def all_imports(*folders: str) -> list[Import]:
    """Every import of the project's own Python files."""
    return [
        found
        for path in python_files(*folders)
        for found in imports_of(path.read_text(encoding="utf-8"), path.relative_to(ROOT))
    ]


def package_of(file: Path) -> str:
    """The layer a file belongs to: `warehouse.client`, `warehouse.loaders`, `ml`, …"""
    return ".".join(file.parts[:2]) if file.parts[0] == "warehouse" and len(file.parts) > 2 else file.parts[0]


@dataclass(frozen=True)
class DbtModel:
    """One dbt model: its name, its layer (the name's prefix), what it refers to and what sources it reads."""

    name: str
    path: Path
    refs: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def layer(self) -> str:
        return self.name.split("_", 1)[0]


_COMMENT = re.compile(r"\{#.*?#\}|--[^\n]*|/\*.*?\*/", re.DOTALL)
_REF = re.compile(r"ref\(\s*['\"](\w+)['\"]\s*\)")
_SOURCE = re.compile(r"source\(\s*['\"](\w+)['\"]\s*,")


def parse_model(name: str, path: Path, sql: str) -> DbtModel:
    """A dbt model of its text, comments left out."""
    code = _COMMENT.sub(" ", sql)
    return DbtModel(name, path, tuple(_REF.findall(code)), tuple(_SOURCE.findall(code)))


def dbt_models() -> list[DbtModel]:
    """Every dbt model under `warehouse/models`."""
    return [
        parse_model(path.stem, path.relative_to(ROOT), path.read_text(encoding="utf-8"))
        for path in sorted(MODELS.rglob("*.sql"))
    ]
