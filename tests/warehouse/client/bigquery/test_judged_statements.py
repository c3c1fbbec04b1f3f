"""GoogleSQL that the client writes itself, analyzed by ZetaSQL against the columns of its tables."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

from tests.peers.zetasql import Refused
from warehouse.client.bigquery import lease

TEXT = pa.array(["x"])
TIME = pa.array([0], pa.timestamp("us", "UTC"))
ROWS = pa.table({"name": TEXT, "holder": TEXT, "session": TEXT, "expires_at": TIME, "released_at": TIME})
VALUES = {"name": "'x'", "holder": "'me'", "seconds": "60", "session": "''"}


@pytest.fixture(scope="module")
def lock_table(judge):
    judge.load("starhouse.lock", ROWS)
    return judge


@pytest.mark.parametrize(
    "statement", ["ADD", "TAKE", "RENEW", "GIVE_BACK", "HOLDER", "LEFT", "WORKS_IN", "MAKE"]
)
def test_statements_of_locks_are_googlesql(lock_table, statement):
    text = getattr(lease, statement).strip().format(lock="`starhouse`.`lock`")
    text = re.sub(r"@(\w+)", lambda found: VALUES[found[1]], text)
    lock_table.analyze(text)
    with pytest.raises(Refused):
        lock_table.analyze(
            text.replace("expires_at", "expired_at").replace("session", "sesion").replace("STRING", "TEXT")
        )
