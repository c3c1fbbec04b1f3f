"""Query jobs: what is asked of BigQuery, and what happens when its answers are lost, late or refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.warehouse.client.bigquery.fake_service import fake_service
from warehouse.client import WarehouseError
from warehouse.client.bigquery import jobs as module
from warehouse.client.bigquery.connection import open_client
from warehouse.client.bigquery.jobs import Jobs, label
from warehouse.client.bigquery.place import BigQueryPlace


@pytest.fixture
def service():
    with fake_service() as (service, address):
        service.address = address
        yield service


@pytest.fixture
def jobs(service, monkeypatch):
    """Jobs of a real place, whose client speaks to the service."""
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    place = BigQueryPlace("my-project", "h", location="EU", maximum_bytes_billed=10**9)
    client = open_client(replace(place, endpoint=service.address))
    yield Jobs(client, place, {"starhouse_env": "prod"})
    client.close()


def rows_of(ran) -> list[dict]:
    return [dict(row.items()) for row in ran.rows]


def test_what_is_asked(jobs, service):
    with jobs.labelled(model="Flight Delay", run="2024-01-02T03:04"):
        ran = jobs.run("SELECT 1 AS one")
    assert (rows_of(ran), ran.affected) == ([{"one": 1}], 3)
    assert (jobs.bytes_processed, jobs.bytes_billed, jobs.sent) == (7, 10, 1)
    (asked,) = service.posted
    reference = asked["jobReference"]
    assert reference.pop("jobId").startswith("starhouse_")
    assert reference == {"projectId": "my-project", "location": "EU"}
    assert asked["configuration"] == {
        "query": {
            "query": "SELECT 1 AS one", "useLegacySql": False, "maximumBytesBilled": "1000000000",
            "priority": "INTERACTIVE", "queryParameters": [],
        },
        "labels": {"starhouse_env": "prod", "model": "flight_delay", "run": "2024-01-02t03_04"},
    }  # fmt: skip
    jobs.run("SELECT 1 AS one")
    assert service.posted[1]["configuration"]["labels"] == {"starhouse_env": "prod"}
    assert service.posted[1]["jobReference"]["jobId"] in service.jobs
    assert len(service.jobs) == 2


def test_a_dry_run_starts_nothing(jobs, service):
    service.bytes_of_a_dry_run = 12_345
    assert jobs.estimate("SELECT 1 AS one") == 12_345
    (asked,) = service.posted
    assert asked["configuration"]["dryRun"] is True
    assert asked["configuration"]["query"]["useQueryCache"] is False
    assert service.jobs == {}


@pytest.mark.parametrize("fault", ["lost", (503, "backendError"), (502, "badGateway")])
def test_a_request_is_repeated_under_the_same_id(jobs, service, fault):
    service.faults = [fault]
    assert rows_of(jobs.run("INSERT INTO a.b VALUES (1)")) == [{"one": 1}]
    first, second = (asked["jobReference"]["jobId"] for asked in service.posted)
    assert first == second
    assert list(service.jobs) == [first], "the statement ran once"


def test_a_job_that_failed_in_passing_is_sent_again_under_another_id(jobs, service):
    service.failures = ["backendError", "rateLimitExceeded"]
    assert rows_of(jobs.run("SELECT 1 AS one")) == [{"one": 1}]
    assert len({asked["jobReference"]["jobId"] for asked in service.posted}) == 3
    service.failures = ["backendError"] * 9
    with pytest.raises(WarehouseError, match="backendError as told"):
        jobs.run("SELECT 1 AS one")
    assert len(service.posted) == 3 + module.ATTEMPTS


@pytest.mark.parametrize(
    ("reason", "sqlstate", "said"),
    [
        ("bytesBilledLimitExceeded", "54000", "maximum_bytes_billed"),
        ("quotaExceeded", "53400", "A quota of the project is used up"),
        ("resourcesExceeded", "53000", "more memory than BigQuery gives"),
        ("invalidQuery", "42601", "Query on BigQuery failed .project my-project, dataset h.: invalidQuery"),
    ],
)
def test_a_job_that_failed_for_good_is_explained(jobs, service, reason, sqlstate, said):
    service.failures = [reason]
    with pytest.raises(WarehouseError, match=said) as failed:
        jobs.run("SELECT 1 AS one")
    assert (failed.value.sqlstate, len(service.posted)) == (sqlstate, 1)


@pytest.mark.parametrize(
    ("fault", "sqlstate", "said"),
    [
        ((403, "accessDenied"), "42501", "BigQuery Job User"),
        ((404, "notFound"), "42P01", "Check the name"),
        ((403, "quotaExceeded"), "53400", "Wait, or ask for more"),
    ],
)
def test_a_refusal_is_explained_and_not_repeated(jobs, service, fault, sqlstate, said):
    service.faults = [fault]
    with pytest.raises(WarehouseError, match=said) as refused:
        jobs.run("SELECT 1 AS one")
    assert (refused.value.sqlstate, len(service.posted), service.jobs) == (sqlstate, 1, {})


def test_the_budget_stops_a_job_before_it_starts(jobs, service):
    jobs.place = replace(jobs.place, budget_bytes=1_000)
    service.bytes_of_a_dry_run = 600
    jobs.run("SELECT 1 AS one")
    with pytest.raises(WarehouseError, match=r"not started: .* 600 bytes, 600 .* budget is 1,000") as refused:
        jobs.run("SELECT 2 AS one")
    assert (refused.value.sqlstate, len(service.jobs)) == ("54000", 1)
    service.bytes_of_a_dry_run = 400
    jobs.run("SELECT 3 AS one")
    assert (jobs.bytes_budgeted, len(service.jobs)) == (1_000, 2)
    asked = len(service.posted)
    jobs.run("COMMIT TRANSACTION", session="s")
    assert (jobs.bytes_budgeted, len(service.posted)) == (1_000, asked + 1)


def test_labels_are_ones_that_bigquery_takes():
    assert label("Ä b/C." + "x" * 99) == "_b_c_".rjust(6, "_") + "x" * 57
