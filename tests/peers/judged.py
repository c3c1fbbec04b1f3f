"""The fixture of the judge of BigQuery's text, started once a session.

Belongs here: what several folders' tests share. Does not belong here: the judge's process.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.peers.environment import peer_or_skip
from tests.peers.zetasql import REQUIREMENTS, ZetaSql


@pytest.fixture(scope="session")
def judge() -> Iterator[ZetaSql]:
    """Google's analyzer and evaluator."""
    with ZetaSql(peer_or_skip("zetasql", REQUIREMENTS)) as engine:
        yield engine
