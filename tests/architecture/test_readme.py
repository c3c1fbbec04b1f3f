"""The README names only commands, targets, options and paths that exist."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.architecture.source_tree import LAYERS, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
TOOLS = ("dbt", "dg", "bentoml", "pytest", "starhouse")


def make_targets(text: str) -> set[str]:
    """Targets named as `make x`."""
    return set(re.findall(r"(?<![\w-])make ([a-z][a-z-]*)", text))


def starhouse_commands(text: str) -> set[str]:
    """Commands named as `starhouse x`."""
    return set(re.findall(r"(?:bin/|(?<!/)\b)starhouse ([a-z]+)", text))


def named_paths(text: str) -> set[str]:
    """Paths between backticks that lie in the project, without those with a placeholder."""
    spans = {span for span in re.findall(r"`([\w./-]+)`", text) if span.split("/")[0] in (*LAYERS, "tests")}
    return spans | set(re.findall(r"\]\((?!http)([\w./-]+)\)", text))


def declared_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def declared_commands() -> set[str]:
    from orchestration.cli import app

    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    return commands | {group.name for group in app.registered_groups}


def test_every_make_target_exists():
    assert {"demo", "test", "clean"} <= make_targets(README) <= declared_targets()


def test_every_command_exists():
    named = starhouse_commands(README) - {"loads", "is"}
    assert {"up", "down", "run", "doctor", "report"} <= named <= declared_commands()


def test_the_readme_names_every_command():
    hidden = {"demo"}
    assert declared_commands() - hidden <= starhouse_commands(README)


def test_every_path_exists():
    paths = named_paths(README)
    assert len(paths) > 5
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_every_tool_is_installed_beside_python():
    folder = Path(sys.executable).parent
    named = {tool for tool in TOOLS if f"bin/{tool}" in README}
    assert named == set(TOOLS)
    assert [tool for tool in TOOLS if shutil.which(tool, path=str(folder)) is None] == []


def test_placeholders_are_filled():
    assert re.findall(r"\b(TODO|FIXME|DEMO_OUTPUT|TEST_OUTPUT|FIGURES)\b", README) == []


@pytest.mark.parametrize(
    ("find", "text", "found"),
    [
        (make_targets, "run `make dance` now", {"dance"}),
        (starhouse_commands, "`starhouse fly` or .venv/bin/starhouse sink", {"fly", "sink"}),
        (named_paths, "see `ml/nowhere.py` and [x](LICENSES)", {"ml/nowhere.py", "LICENSES"}),
    ],
)
def test_the_finders_find(find, text, found):
    assert find(text) == found
