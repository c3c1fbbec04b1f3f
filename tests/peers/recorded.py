"""What a warehouse on BigQuery was sent, kept, and shown to the judge statement by statement.

Belongs here: recording on the emulator, the judge's catalog as the run made it. Does not belong here: the
run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.peers.zetasql import Refused, ZetaSql
from warehouse.client.googlesql.kinds import IN_BIGQUERY

SHOWN = 1_000
MARK = re.compile(r"'starhouse:large:\w+'")


class Recorded:
    """What was sent, and the columns of tables as they became known, in order."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, Any]] = []


@contextmanager
def recording(wh: Any) -> Iterator[Recorded]:
    """Keep what is sent within the block, and the columns of every table made or read."""
    kept, engine = Recorded(), wh._engine
    ready, remember, tables = engine.ready, wh._remember, wh._tables

    def told(sql: str) -> Any:
        kept.steps.append(("sent", sql))
        return ready(sql)

    def remembered(made: Any) -> None:
        remember(made)
        if made.made is not None:
            kept.steps.append(("known", (made.made, dict(made.columns))))

    def looked(path: str) -> Any:
        found = tables(path)
        if found is not None:
            kept.steps.append(("known", (path, dict(found))))
        return found

    engine.ready, wh._remember, wh._tables = told, remembered, looked
    try:
        yield kept
    finally:
        engine.ready, wh._remember, wh._tables = ready, remember, tables


def judged(judge: ZetaSql, kept: Recorded) -> tuple[int, list[str]]:
    """How many statements were analyzed, and what the judge refused."""
    known: dict[str, dict[str, str]] = {}
    wrong, count = [], 0
    for what, given in kept.steps:
        if what == "known":
            _tell(judge, known, *given)
            continue
        count += 1
        text = MARK.sub("b'large'", given)
        try:
            judge.analyze(text)
        except Refused as error:
            wrong.append(str(error)[:SHOWN])
    for path in known:
        judge._ask(what="drop", name=path)
    return count, wrong


def _tell(judge: ZetaSql, known: dict[str, dict[str, str]], path: str, columns: dict[str, Any]) -> None:
    made = {name: _type(kind) for name, kind in columns.items()}
    if known.get(path) == made:
        return
    if path in known:
        judge._ask(what="drop", name=path)
    judge._ask(what="table", name=path, columns=made, rows=[])
    known[path] = made


def _type(kind: Any) -> str:
    return f"ARRAY<{_type(kind.of)}>" if kind.name == "array" else IN_BIGQUERY.get(kind.name, "STRING")
