"""One load of one declared table: batch by batch from the source to committed, counted versions.

Each batch is one transaction: its versions, its rejects, the position reading goes on from, and its counts
are committed together or not at all. A load that is killed goes on where the last batch ended; rows that come
again change nothing.

Belongs here: the order of things. Does not belong here: each thing.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from warehouse.client import quote
from warehouse.loaders.intake import bookkeeping, milestones, quarantine, versions, watermarks
from warehouse.loaders.intake.batch import Batch, Reject
from warehouse.loaders.intake.contract import (
    Parted,
    Verdict,
    added_kinds,
    cast_columns,
    check_policy,
    column_verdicts,
    load_verdicts,
    of_day,
    part,
)
from warehouse.loaders.intake.declared import DeclaredColumn, DeclaredSource, DeclaredTable
from warehouse.loaders.intake.deletions import delete_missing, fitting_keys
from warehouse.loaders.intake.engines import RAW, engine_of
from warehouse.loaders.raw_tables import preparing

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.client import Warehouse
    from warehouse.loaders.intake.contract import Cast
    from warehouse.loaders.intake.engines import Moment


@dataclass
class Account:
    """What a load did. read = loaded + known + quarantined: `loaded` versions were new, `known` were there
    already; `deleted` keys were gone from the source.
    """

    load_id: str
    relation: str
    read: int = 0
    loaded: int = 0
    known: int = 0
    quarantined: int = 0
    deleted: int = 0
    batches: int = 0
    verdicts: list[Verdict] = field(default_factory=list)


@dataclass
class Intake:
    """A load under way. One at a time for a table: the caller holds its lock (`lock_name`). `day`: take only
    rows whose event lies on this day (UTC), as a backfill does; positions are then left alone.
    """

    wh: Warehouse
    source: DeclaredSource
    table: DeclaredTable
    progress: Callable[[str], None] = lambda line: None
    day: dt.date | None = None

    def __post_init__(self) -> None:
        self.relation = self.source.relation(self.table)
        self.known_at = dt.datetime.now(dt.UTC)
        self.account = Account(f"{self.known_at:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}", self.relation)
        self._added: tuple[DeclaredColumn, ...] = ()
        self._engine = engine_of(self.wh)
        bookkeeping.ensure_books(self.wh)

    def run(self, batches: Iterable[Batch], keys: Callable[[], pa.Table] | None = None) -> Account:
        """Take every batch, then compare keys where the table's deletions are followed.

        Raises:
            LoadError: the contract ends the load; the batches before it stay.
        """
        for batch in batches:
            milestones.reached("read")
            self.take(batch)
            del batch  # its memory is free for the next
        self.finish(keys() if keys and self.table.deletes else None)
        return self.account

    def take(self, batch: Batch, settle: Callable[[list[Reject]], None] | None = None) -> None:
        """One batch, whole or not at all. Rejects go to quarantine; `settle` does something else with them,
        in the same transaction.
        """
        made = self._cast(self.table.columns, batch)
        if self.account.batches == 0:
            self._judge(batch, made)
        parted = part(self.table, batch, made | self._cast(self._added, batch))
        if self.day is not None:
            parted = of_day(parted, str(self.table.event_at), self.day)
        if self.table.policy == "freeze" and parted.rejects:
            self._refuse(parted.rejects[0])
        milestones.reached("parted")
        versions.land(self.wh, self.relation, self.table, self._added, self._with_own(parted, batch))
        milestones.reached("landed")
        rejects = list(parted.rejects)
        if self.table.history == "snapshot":
            rejects += self._repeated(batch)
        if settle is None:
            quarantine.send(self.wh, self.relation, rejects)
        with self._engine.transaction(self.wh) as moment:
            milestones.reached("begun")
            self._publish(batch, parted, rejects, settle, moment)
            milestones.reached("accounted")
        milestones.reached("committed")
        versions.clear(self.wh, self.relation)
        milestones.reached("cleared")
        self.account.batches += 1
        self.progress(f"{self.relation}: {self.account.read:,} rows read, {self.account.loaded:,} new")

    def finish(self, keys: pa.Table | None = None) -> None:
        """The end of the source was reached: deletions, the verdicts of the whole load, and its account."""
        if self.account.batches == 0:
            versions.ensure_raw_table(self.wh, self.relation, self.table)
        if keys is not None:
            keys = fitting_keys(self.table, keys)
            self._engine.send_keys(self.wh, self.relation, keys)
        with self._engine.transaction(self.wh) as moment:
            if keys is not None:
                self.account.deleted = delete_missing(
                    self.wh, self.relation, self.table, keys, self.account.load_id, self.known_at, moment
                )
                milestones.reached("deletions written")
            found = load_verdicts(self.table, self.account.read, self._age_h())
            bookkeeping.keep_verdicts(self.wh, self.relation, self.account.load_id, found)
            bookkeeping.finish_account(self.wh, self.relation, self.account.load_id, self.account.deleted)
        if keys is not None:
            versions.clear(self.wh, self.relation)
        self.account.verdicts += found
        milestones.reached("finished")

    def _cast(self, columns: tuple[DeclaredColumn, ...], batch: Batch) -> dict[str, Cast]:
        """The batch's values as declared, as the engine can hold them."""
        return self._engine.within_limits(columns, cast_columns(columns, batch, self.table.zone))

    def _judge(self, batch: Batch, made: Mapping[str, Cast]) -> None:
        """The contract's verdicts on the columns, and columns added where the policy is evolve."""
        added = added_kinds(self.table, batch)
        found = column_verdicts(self.table, batch, made, added)
        with self._engine.transaction(self.wh):
            bookkeeping.keep_verdicts(self.wh, self.relation, self.account.load_id, found)
        self.account.verdicts += found
        check_policy(self.table, self.relation, found)
        with preparing(self.wh):
            versions.ensure_raw_table(self.wh, self.relation, self.table)
            if self.table.policy == "evolve":
                versions.evolve(self.wh, self.relation, added)
        if self.table.policy == "evolve":
            self._added = versions.added_columns(self.wh, self.relation, self.table)

    def _with_own(self, parted: Parted, batch: Batch) -> pa.Table:
        """The rows with known_at, where the source has no column for it, their place and their order."""
        import pyarrow as pa

        rows, places = parted.rows, parted.places
        if "known_at" not in rows.column_names:
            rows = rows.append_column("known_at", batch.known_at_of(places, self.known_at))
        rows = rows.append_column("source_position", batch.positions_of(places))
        return rows.append_column(versions.ORDER, pa.array(places, pa.int64()))

    def _publish(
        self,
        batch: Batch,
        parted: Parted,
        rejects: list[Reject],
        settle: Callable[[list[Reject]], None] | None,
        moment: Moment,
    ) -> None:
        load_id, landed = self.account.load_id, parted.rows.num_rows
        written = versions.write_versions(self.wh, self.relation, self.table, self._added, load_id, moment)
        milestones.reached("versions written")
        if settle is not None:
            settle(rejects)
        else:
            quarantine.hold(self.wh, self.relation, load_id, rejects)
        milestones.reached("quarantined")
        if self.table.lateness_s is not None:
            watermarks.advance(self.wh, self.relation, load_id, self.table.lateness_s, moment)
        if self.day is None:
            bookkeeping.keep_positions(self.wh, self.relation, load_id, batch.resume)
        milestones.reached("position kept")
        known = landed - (len(rejects) - len(parted.rejects)) - written
        read = batch.row_count if self.day is None else landed + len(parted.rejects)
        counts = (read, written, known, len(rejects))
        bookkeeping.add_to_account(self.wh, self.relation, load_id, *counts)
        self.account = replace(
            self.account,
            read=self.account.read + counts[0],
            loaded=self.account.loaded + counts[1],
            known=self.account.known + counts[2],
            quarantined=self.account.quarantined + counts[3],
        )

    def _repeated(self, batch: Batch) -> list[Reject]:
        """Rows of a key that comes again in the same snapshot with another content: the last one stays."""
        found = versions.repeated_keys(self.wh, self.relation, self.table, self._added)
        if found:
            versions.drop_landed(self.wh, self.relation, [row[versions.ORDER] for row in found])
        named = ", ".join(self.table.key)
        return [
            Reject(
                batch.positions[row[versions.ORDER]],
                f"the key ({named}) comes again with another content at {row['last_position']}",
                None,
                batch.row(row[versions.ORDER]),
            )
            for row in found
        ]

    def _refuse(self, reject: Reject) -> None:
        from warehouse.loaders.declaration import LoadError

        raise LoadError(
            f"{self.relation}: a row breaks the contract at {reject.position} (policy freeze)",
            value=reject.reason,
            allowed="rows of which every value fits",
            next_step="mend the row in the source, or choose the policy quarantine",
        )

    def _age_h(self) -> float | None:
        """Hours since the newest event that is not deleted; None without any."""
        newest: Any = self.wh.scalar(
            f"select max(event_at) as newest from {quote(RAW, self.relation)} where not is_deleted"
        )
        return None if newest is None else (dt.datetime.now(dt.UTC) - newest).total_seconds() / 3600


def lock_name(relation: str) -> str:
    """The advisory lock under which one table is loaded."""
    return f"intake {relation}"
