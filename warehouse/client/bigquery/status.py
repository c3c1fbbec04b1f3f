"""Whether BigQuery answers, asked so that it costs nothing.

Belongs here: that question. Does not belong here: what is wrong where it does not (`client.doctor`).
"""

from __future__ import annotations

from warehouse.client.bigquery.connection import open_client
from warehouse.client.bigquery.jobs import Jobs
from warehouse.client.bigquery.place import BigQueryPlace
from warehouse.client.errors import WarehouseError

PATIENCE_S = 5.0


def is_answering(place: BigQueryPlace) -> bool:
    """Whether the project takes a query."""
    try:
        client = open_client(place)
    except WarehouseError:
        return False
    try:
        jobs = Jobs(client, place, {})
        jobs.retry_seconds = PATIENCE_S
        jobs.estimate("SELECT 1")
        return True
    except WarehouseError:
        return False
    finally:
        client.close()
