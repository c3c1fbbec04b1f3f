"""Checks of a project on BigQuery: credentials, the right to run jobs, its datasets and where they are.

Belongs here: questions that cost nothing and change nothing. Does not belong here: a server of Postgres.
"""

from __future__ import annotations

from typing import Any

from warehouse.client.bigquery.connection import credentials_of, open_client
from warehouse.client.bigquery.failures import translated
from warehouse.client.bigquery.jobs import Jobs
from warehouse.client.bigquery.place import BigQueryPlace
from warehouse.client.doctor.finding import Finding, fine, problem
from warehouse.client.errors import WarehouseError
from warehouse.client.settings import Settings

PATIENCE_S = 15.0
LOGIN = (
    "Run `gcloud auth application-default login`, attach a service account to this machine, or mend "
    "?impersonate= in STARHOUSE_WAREHOUSE_URL."
)
ROLES = "Let an administrator grant this account BigQuery Job User on the project"


def checks(settings: Settings) -> list[Finding]:
    """One finding each for credentials, jobs and datasets; what follows a failure is not asked."""
    place = settings.bigquery
    try:
        account = _account(place)
    except WarehouseError as error:
        return [problem("login", str(error), LOGIN)]
    client = open_client(place)
    try:
        jobs = Jobs(client, place, {"starhouse_env": settings.env})
        jobs.retry_seconds = PATIENCE_S
        return [fine("login", account), *_project(jobs)]
    finally:
        client.close()


def _account(place: BigQueryPlace) -> str:
    if place.is_emulated:
        return f"none: an emulator at {place.endpoint}"
    found = credentials_of(place)
    known = place.impersonate or getattr(found, "service_account_email", None)
    return f"application default credentials{f' of {known}' if known else ''}"


def _project(jobs: Jobs) -> list[Finding]:
    place = jobs.place
    try:
        jobs.estimate("SELECT 1")
    except WarehouseError as error:
        return [problem("jobs", str(error), f"{ROLES} {place.project}, or mend the project in the URL.")]
    limit = place.maximum_bytes_billed
    hint = None if limit else "No query has a limit of bytes: add ?maximum_bytes_billed= to the URL."
    allowed = f", each at most {limit:,} bytes" if limit else ""
    jobs_run = fine("jobs", f"project {place.project} takes queries{allowed}", hint)
    try:
        return [jobs_run, _datasets(jobs)]
    except WarehouseError as error:
        return [jobs_run, problem("datasets", str(error), f"{ROLES}, and BigQuery Data Editor.")]


def _datasets(jobs: Jobs) -> Finding:
    """Datasets of the prefix are all in the location that jobs run in."""
    place = jobs.place
    with translated("Listing datasets", place):
        listed = [one.dataset_id for one in jobs.client.list_datasets(retry=jobs.retry)]
        own = [name for name in listed if name.startswith(place.dataset_of(""))]
        found: list[Any] = [jobs.client.get_dataset(name, retry=jobs.retry) for name in own]
    if not found:
        return fine(
            "datasets",
            f"none begins with {place.dataset_of('')}",
            "The first load makes them; it needs BigQuery Data Editor on the project.",
        )
    elsewhere = sorted(one.dataset_id for one in found if one.location.upper() != place.location.upper())
    if elsewhere:
        return problem(
            "datasets",
            f"{', '.join(elsewhere)}: not in {place.location}, where jobs run.",
            "Name their location in STARHOUSE_WAREHOUSE_URL (?location=), or take another dataset.",
        )
    return fine("datasets", f"{len(found)} begin with {place.dataset_of('')}, in {place.location}")
