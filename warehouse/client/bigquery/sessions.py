"""A transaction over several jobs: a session of BigQuery, opened by its BEGIN and ended after it.

When a transaction begins and what it may hold is decided in `warehouse.client.googlesql.transactions`:
BigQuery takes no definition of a lasting table within one. Belongs here: begin, commit, roll back. Does not
belong here: statements.
"""

from __future__ import annotations

from contextlib import suppress

from warehouse.client.bigquery.jobs import Jobs
from warehouse.client.errors import WarehouseError


class Session:
    """One open transaction. BigQuery itself rolls it back where its session ends, after a day at the
    latest.
    """

    def __init__(self, jobs: Jobs) -> None:
        """Begin it. Raises WarehouseError."""
        self._jobs = jobs
        job = jobs.run("BEGIN TRANSACTION", opens_session=True).job
        self.id, self.begun_at = str(job.session_info.session_id), job.started

    def commit(self) -> None:
        """Keep what was written.

        Raises:
            WarehouseError: another transaction changed the same tables (sqlstate 40001); nothing is kept
                then. Or no answer came in time (08006); then it may be kept.
        """
        self._jobs.run("COMMIT TRANSACTION", session=self.id)
        self._end()

    def roll_back(self) -> None:
        """Undo what was written. A failure is kept silent: ending the session undoes it too."""
        with suppress(WarehouseError):
            self._jobs.run("ROLLBACK TRANSACTION", session=self.id)
        self._end()

    def _end(self) -> None:
        with suppress(WarehouseError):  # it ends by itself, and what was asked for is done
            self._jobs.run("CALL BQ.ABORT_SESSION()", session=self.id)
