"""Files that BigQuery exported into a bucket, read over Cloud Storage's JSON interface with the same account.

Belongs here: listing and reading a folder. Does not belong here: what the files mean.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote as escaped

from warehouse.client.bigquery.failures import translated
from warehouse.client.bigquery.place import BigQueryPlace
from warehouse.client.errors import WarehouseError

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

STORAGE = "https://storage.googleapis.com"
FOLDER = re.compile(r"gs://(?P<bucket>[^/]+)/(?P<folder>.+)")
SECONDS = 60.0
MOST_BYTES = 500_000_000
"""Of one folder: a model's files are far smaller, and they are held in memory."""


def read_folder(client: Client, place: BigQueryPlace, uri: str) -> dict[str, bytes]:
    """The files below `gs://bucket/folder`, by their path below it.

    `client` gives the authorised session; an emulated place answers for the storage itself.

    Raises:
        WarehouseError: no such folder, more than MOST_BYTES, or the bucket may not be read.
    """
    named = FOLDER.fullmatch(uri.rstrip("/"))
    if named is None:
        raise WarehouseError(f"Reading {uri!r} failed. Allowed: gs://bucket/folder. Mend export_uri.")
    bucket, folder = escaped(named["bucket"], safe=""), f"{named['folder']}/"
    base = f"{place.endpoint or STORAGE}/storage/v1/b/{bucket}/o"
    listed = list(_listed(client, place, base, folder))
    size = sum(int(item["size"]) for item in listed)
    if not listed or size > MOST_BYTES:
        what = f"holds {size:,} bytes" if listed else "holds no file"
        raise WarehouseError(
            f"Reading {uri} failed: the folder {what}. Allowed: 1 to {MOST_BYTES:,} bytes. Export the model "
            "again by EXPORT MODEL."
        )
    files = {}
    for item in listed:
        answer = _get(client, place, f"{base}/{escaped(item['name'], safe='')}", {"alt": "media"})
        files[item["name"].removeprefix(folder)] = answer.content
    return files


def _listed(client: Client, place: BigQueryPlace, base: str, folder: str) -> Any:
    page: str | None = ""
    while page is not None:
        more = {"pageToken": page} if page else {}
        answer = _get(client, place, base, {"prefix": folder, **more}).json()
        yield from (item for item in answer.get("items", ()) if not item["name"].endswith("/"))
        page = answer.get("nextPageToken")


def _get(client: Client, place: BigQueryPlace, url: str, params: dict[str, str]) -> Any:
    with translated("Reading exported files", place):
        answer = client._http.get(url, params=params, timeout=SECONDS)
    if answer.status_code != 200:
        raise WarehouseError(
            f"Reading exported files failed (project {place.project}): {answer.status_code} "
            f"{answer.text[:300]}. Allowed: an account with the role Storage Object Viewer on the bucket."
        )
    return answer
