"""What the tests of this folder share: no test before them has named a database for the whole process.

Does not belong here: the emulator and places on it (`tests.peers.emulated`).
"""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_database_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL's own dataset counts only where STARHOUSE_DATABASE is not set, and commands that ran in this
    process set it.
    """
    monkeypatch.delenv("STARHOUSE_DATABASE", raising=False)
