"""What BigQuery refuses, as an error that says why and what to do next.

Belongs here: reasons of its answers. Does not belong here: whether to try again (`jobs`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from warehouse.client.bigquery.place import BigQueryPlace
from warehouse.client.errors import WarehouseError, scrub

SHOWN = 1500


class Cause(NamedTuple):
    """A reason by Postgres' code, the words it is known by, and what to do."""

    sqlstate: str
    known_by: re.Pattern[str]
    next_step: str


CAUSES = (
    Cause("54000", re.compile(r"bytesBilledLimitExceeded|exceeded limit for bytes billed", re.I),
          "The query would read more than maximum_bytes_billed of STARHOUSE_WAREHOUSE_URL allows, and cost "
          "nothing. Allowed: fewer columns or partitions, or a higher limit."),
    Cause("40001", re.compile(r"concurrent update|could not serialize access", re.I),
          "Another transaction changed the same table. Nothing was written. Try again."),
    Cause("53400", re.compile(r"quotaExceeded|rateLimitExceeded|quota exceeded|exceeded rate limits", re.I),
          "A quota of the project is used up. Wait, or ask for more on the project's page of quotas."),
    Cause("53000", re.compile(r"resourcesExceeded|resources exceeded", re.I),
          "One query needed more memory than BigQuery gives. Allowed: fewer groups, columns or rows at "
          "once."),
    Cause("22012", re.compile(r"division by zero", re.I), "Divide by nullif(x, 0)."),
    Cause("22003", re.compile(r"out of range|overflow", re.I), "A number does not fit its type. Cast it."),
    Cause("42501", re.compile(r"accessDenied|access denied|permission|forbidden", re.I),
          "Allowed: an account with the roles BigQuery Job User on the project and BigQuery Data Editor on "
          "its datasets. `starhouse doctor` says which is missing."),
    Cause("42P07", re.compile(r"duplicate|already exists", re.I), "Drop it first, or take another name."),
    Cause("42P01", re.compile(r"notFound|not found", re.I),
          "Check the name, the dataset of STARHOUSE_WAREHOUSE_URL and its location."),
    Cause("08006", re.compile(r"backendError|unavailable|connection|timed? ?out", re.I),
          "BigQuery did not answer in time. Try again; what was begun is found by its job's id."),
    Cause("42601", re.compile(r"invalidQuery|syntax error", re.I),
          "The statement is not one of BigQuery. Report it with this text."),
)  # fmt: skip


def explained(action: str, error: Exception, place: BigQueryPlace) -> WarehouseError:
    """The error of Google's library as ours: its words, a code, the next step, and no secret."""
    reasons = [
        str(one.get("reason", "")) for one in getattr(error, "errors", None) or () if isinstance(one, dict)
    ]
    words = " ".join(dict.fromkeys([*reasons, str(getattr(error, "message", "") or error)])).strip()
    cause = next((one for one in CAUSES if one.known_by.search(words)), None)
    text = f"{action} on BigQuery failed (project {place.project}, dataset {place.dataset}): {words[:SHOWN]}"
    if cause is not None:
        text = f"{text.rstrip('.')}. {cause.next_step}"
    return WarehouseError(scrub(text), cause.sqlstate if cause else None)


@contextmanager
def translated(action: str, place: BigQueryPlace) -> Iterator[None]:
    """Errors of Google's libraries inside become WarehouseError."""
    import requests
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except (GoogleAPIError, GoogleAuthError, requests.RequestException, ConnectionError) as error:
        raise explained(action, error, place) from None


def reason_of(error: Any) -> str:
    """The first reason an error names, empty where it names none."""
    found = getattr(error, "errors", None) or ()
    return str(found[0].get("reason", "")) if found and isinstance(found[0], dict) else ""
