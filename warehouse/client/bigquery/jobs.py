"""Query jobs: each under an id that this client chose, so that a repeated request finds the same job.

Belongs here: sending a statement, trying again, labels, what it costs. Does not belong here: whose statement
it is, rows (`engine`), load jobs (`arrow_transfer`).
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from warehouse.client.bigquery.failures import explained, reason_of, translated
from warehouse.client.bigquery.place import BigQueryPlace
from warehouse.client.errors import WarehouseError

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud.bigquery import Client, QueryJob, QueryJobConfig

ATTEMPTS = 4
RETRY_SECONDS, EMULATOR_RETRY_SECONDS = 120.0, 10.0
ANSWER_SECONDS, CANCEL_SECONDS = 60.0, 5.0
EMULATOR_ANSWER_SECONDS = 900.0
"""An emulator answers when the job is done, BigQuery when it has begun."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
RUN_AGAIN = {"rateLimitExceeded", "backendError", "internalError", "badGateway", "jobBackendError",
             "jobInternalError", "jobRateLimitExceeded"}  # fmt: skip
"""Reasons for which a job that ended has done nothing and may be sent again, under another id."""
FREE = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK|CALL BQ\.ABORT_SESSION|DROP TABLE)\b")
"""Statements that read nothing, and of which no dry run is asked."""
LABEL_LENGTH = 63


class Ran(NamedTuple):
    """A job that ended well, and the rows it gave."""

    job: QueryJob
    rows: Any

    @property
    def affected(self) -> int:
        """Rows that a DML statement touched, -1 for any other."""
        count = self.job.num_dml_affected_rows
        return -1 if count is None else int(count)


class Jobs:
    """Runs statements of GoogleSQL. `bytes_processed` and `bytes_billed` are of the jobs that ended,
    `bytes_budgeted` of the dry runs that stood before them, `sent` counts jobs.
    """

    def __init__(self, client: Client, place: BigQueryPlace, labels: dict[str, str]) -> None:
        self.client, self.place = client, place
        self.bytes_processed = self.bytes_billed = self.bytes_budgeted = self.sent = 0
        self.retry_seconds = EMULATOR_RETRY_SECONDS if place.is_emulated else RETRY_SECONDS
        self.answer_seconds = EMULATOR_ANSWER_SECONDS if place.is_emulated else ANSWER_SECONDS
        self.labels = {name: label(value) for name, value in labels.items()}

    @contextmanager
    def labelled(self, **labels: str) -> Iterator[None]:
        """Jobs inside bear these labels too, as BigQuery's billing export and job list show them."""
        before = self.labels
        self.labels = {**before, **{label(name): label(value) for name, value in labels.items()}}
        try:
            yield
        finally:
            self.labels = before

    def run(
        self,
        sql: str,
        parameters: Sequence[Any] = (),
        session: str | None = None,
        opens_session: bool = False,
    ) -> Ran:
        """Run one statement to its end, within a session where one is named.

        Raises:
            WarehouseError: it failed, or the budget does not allow it; then it was not started.
        """
        if not FREE.match(sql):
            self._keep_within_budget(sql, parameters, session)
        config = self._config(parameters, session)
        if opens_session:
            config.create_session = True
        ran = self.persistently("Query", lambda job_id: self._once(sql, config, job_id))
        self.bytes_processed += int(ran.job.total_bytes_processed or 0)
        self.bytes_billed += int(ran.job.total_bytes_billed or 0)
        return ran

    def estimate(self, sql: str, parameters: Sequence[Any] = (), session: str | None = None) -> int:
        """The bytes a statement would read, by a dry run, which costs nothing. Raises WarehouseError."""
        config = self._config(parameters, session)
        config.dry_run, config.use_query_cache = True, False
        with translated("Dry run", self.place):
            job = self.client.query(
                sql,
                job_config=config,
                job_id=new_id(),
                retry=self.retry,
                timeout=self.answer_seconds,
                job_retry=None,
            )
        return int(job.total_bytes_processed or 0)

    def persistently(self, action: str, once: Callable[[str], Any]) -> Any:
        """What `once(job_id)` gives; sent again under another id where a job ended for a passing reason.

        Raises:
            WarehouseError: it failed for good.
        """
        from google.api_core.exceptions import GoogleAPIError

        pause = FIRST_PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with translated_connection(action, self.place):
                    return once(new_id())
            except GoogleAPIError as error:
                if attempt == ATTEMPTS or self.place.is_emulated or reason_of(error) not in RUN_AGAIN:
                    raise explained(action, error, self.place) from None
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        raise AssertionError("the last attempt returns or raises")

    @property
    def retry(self) -> Retry:
        """How long one request is repeated while the service or the line fails."""
        from google.cloud.bigquery import DEFAULT_RETRY

        return DEFAULT_RETRY.with_timeout(self.retry_seconds).with_delay(FIRST_PAUSE, LONGEST_PAUSE, 2.0)

    def _once(self, sql: str, config: QueryJobConfig, job_id: str) -> Ran:
        """One job. Where the answer to its start was lost, the repeated request is told that the job exists
        already, and it is read.
        """
        from google.api_core.exceptions import Conflict

        self.sent += 1
        try:
            job = self.client.query(
                sql,
                job_config=config,
                job_id=job_id,
                retry=self.retry,
                timeout=self.answer_seconds,
                job_retry=None,
            )
        except Conflict:
            job = self.client.get_job(job_id, retry=self.retry, timeout=self.answer_seconds)
        try:
            return Ran(job, job.result(retry=self.retry, job_retry=None))
        except (KeyboardInterrupt, SystemExit):
            with suppress(Exception):  # who waits no longer pays no more
                job.cancel(retry=None, timeout=CANCEL_SECONDS)
            raise

    def _config(self, parameters: Sequence[Any], session: str | None) -> QueryJobConfig:
        from google.cloud.bigquery import ConnectionProperty, QueryJobConfig

        config = QueryJobConfig(use_legacy_sql=False, labels=self.labels, query_parameters=list(parameters))
        config.priority = self.place.priority.upper()
        if self.place.maximum_bytes_billed is not None:
            config.maximum_bytes_billed = self.place.maximum_bytes_billed
        if session is not None:
            config.connection_properties = [ConnectionProperty("session_id", session)]
        return config

    def _keep_within_budget(self, sql: str, parameters: Sequence[Any], session: str | None) -> None:
        budget = self.place.budget_bytes
        if budget is None:
            return
        needed = self.estimate(sql, parameters, session)
        if self.bytes_budgeted + needed > budget:
            raise WarehouseError(
                f"Query on BigQuery not started: it would read {needed:,} bytes, {self.bytes_budgeted:,} "
                f"were read before it, and the budget is {budget:,}. Allowed: a query over fewer columns or "
                "partitions, or a higher budget_bytes in STARHOUSE_WAREHOUSE_URL.",
                "54000",
            )
        self.bytes_budgeted += needed


@contextmanager
def translated_connection(action: str, place: BigQueryPlace) -> Iterator[None]:
    """A line that stays down, or credentials that are refused, as ours; answers of BigQuery pass."""
    import requests
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except (GoogleAuthError, requests.RequestException, ConnectionError) as error:
        raise explained(action, error, place) from None


def new_id() -> str:
    """An id for a job, which nobody else chooses."""
    return f"starhouse_{uuid.uuid4().hex}"


def label(value: str) -> str:
    """A text as BigQuery allows in labels: small letters, digits, _ and -, 63 at most."""
    return re.sub(r"[^a-z0-9_-]", "_", str(value).lower())[:LABEL_LENGTH]
