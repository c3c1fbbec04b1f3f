"""A real browser for the tests of the UI: what the machine has, else Debian's Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_SECONDS = 240


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; skips by name, saying why, only where there is none and none may be installed."""
    found = _find()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        commands = (
            ["apt-get", "update"],
            ["apt-get", "install", "-y", "--no-install-recommends", "chromium"],
        )
        for command in commands:
            subprocess.run(
                command, env=environment, check=False, timeout=INSTALL_SECONDS, capture_output=True
            )
        found = _find()
    if found is None:
        pytest.skip(
            "BROWSER TEST SKIPPED: no Chromium on this machine, and it may not be installed here "
            "(needs root and apt-get). Install it by `apt-get install chromium` and run again."
        )
    return found


def _find() -> str | None:
    return next((path for path in map(shutil.which, NAMES) if path), None)
