"""What the repository holds as a whole: its top level, its licence and its lock."""

from __future__ import annotations

import re
import subprocess

from tests.architecture.source_tree import ROOT

TOP_LEVEL = {
    "warehouse", "orchestration", "ml", "serving", "tests", "dagster.yaml", "pyproject.toml", "README.md",
    "Makefile", "requirements.lock", ".ci", ".gitignore", ".pre-commit-config.yaml", "LICENSE",
    "CHANGELOG.md",
}  # fmt: skip


def tracked_files() -> list[str]:
    """Paths the repository tracks; a tree without git (an unpacked archive) has nothing to say here."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for path in done.stdout.split("\0") if path]


def test_the_top_level_holds_only_what_is_agreed():
    assert {path.split("/")[0] for path in tracked_files()} - TOP_LEVEL == set()


def test_the_lock_is_hashed_and_names_no_address():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^([\w.\-\[\]]+)==\S+[^\n]*\\\n\s+--hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    requirements = [line for line in text.splitlines() if re.match(r"^[A-Za-z0-9]", line)]
    assert len(pins) == len(requirements) > 100
    assert "://" not in text
    assert "uv.lock" not in tracked_files()


def test_the_licence_is_apache_2():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text and "Version 2.0" in text
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
