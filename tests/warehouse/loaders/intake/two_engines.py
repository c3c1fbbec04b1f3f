"""One load into Postgres and one into BigQuery (executed by the emulator), and what of both must be the same.

Belongs here: loading twice, reading both. Does not belong here: what is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from tests.warehouse.loaders.intake.declaring import source
from warehouse.loaders.intake.batch import Batch
from warehouse.loaders.intake.declared import DeclaredTable
from warehouse.loaders.intake.intake import Account, Intake

OF_A_LOAD = {"load_id", "loaded_at", "started_at", "finished_at", "judged_at", "quarantined_at", "settled_at",
             "updated_at", "added_at", "content_sha256",
             "quarantine_id"}  # fmt: skip
"""What differs between any two loads (Postgres leaves numbers of the quarantine out); the hash is compared by
its hex text.
"""
BOOKS = ("intake_position", "intake_account", "intake_verdict", "intake_watermark", "quarantine")


class TwoEngines:
    """`wh` of both; what is done is done to each."""

    def __init__(self, postgres: Any, bigquery: Any) -> None:
        self.each = (postgres, bigquery)

    def load(
        self, table: DeclaredTable, *batches: Batch, keys: Callable[[], Any] | None = None, **options: Any
    ) -> list[Account]:
        """The accounts of one load of a table of the source shop on either."""
        return [Intake(wh, source(orders=table), table, **options).run(batches, keys) for wh in self.each]

    def rows(self, name: str, without: Sequence[str] = ()) -> list[list[tuple]]:
        """The rows of a table of `raw` on either, as texts that sort, but what is of one load alone."""
        return [content(wh, name, without) for wh in self.each]

    def is_same(self, *names: str, without: Sequence[str] = ()) -> bool:
        """Whether these tables and all books hold the same on both; fails naming the first that does not."""
        for name in (*names, *BOOKS):
            ours, theirs = self.rows(name, without)
            different = [(one, two) for one, two in zip(ours, theirs, strict=False) if one != two]
            assert (len(ours), different[:1]) == (len(theirs), []), (name, different[:1])
        return True


def content(wh: Any, name: str, without: Sequence[str] = ()) -> list[tuple]:
    """The rows as texts that sort, but what is of one load alone; JSON as text, which a driver parses."""
    types = wh.column_types("raw", name)
    chosen = ", ".join(
        f'"{one}"::text as "{one}"' if kind == "jsonb" else f'"{one}"' for one, kind in types.items()
    )
    rows = wh.query(f"select {chosen} from raw.{name}")
    if "content_sha256" in types:
        rows = [{**row, "content": bytes(row["content_sha256"]).hex()} for row in rows]
    left_out = OF_A_LOAD | set(without)
    return sorted(
        (
            tuple((key, plain(value)) for key, value in sorted(row.items()) if key not in left_out)
            for row in rows
        ),
        key=repr,
    )


def plain(value: Any) -> Any:
    """A decimal without the zeros behind it, of which the engines keep more or fewer."""
    return value.normalize() + 0 if isinstance(value, Decimal) else value
