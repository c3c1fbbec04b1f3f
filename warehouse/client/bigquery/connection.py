"""The client of Google's library for a place: credentials and endpoints.

Belongs here: who speaks to BigQuery and where. Does not belong here: what is said (`jobs`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from warehouse.client.bigquery.place import BigQueryPlace
from warehouse.client.errors import WarehouseError

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

SCOPES = ("https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/cloud-platform")
LIFETIME_SECONDS = 3600


def credentials_of(place: BigQueryPlace) -> Any:
    """Application default credentials, or those of the account that is impersonated by them. An emulator gets
    none.

    Raises:
        WarehouseError: there are none on this machine.
    """
    if place.is_emulated:
        from google.auth.credentials import AnonymousCredentials

        return AnonymousCredentials()
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    try:
        own, _ = google.auth.default(scopes=SCOPES, quota_project_id=None)
    except GoogleAuthError as error:
        raise WarehouseError(
            f"Connecting to BigQuery failed: no application default credentials ({error}). Run `gcloud auth "
            "application-default login`, or attach a service account to this machine."
        ) from None
    if place.impersonate is None:
        return own
    from google.auth import impersonated_credentials

    return impersonated_credentials.Credentials(
        source_credentials=own, target_principal=place.impersonate, target_scopes=list(SCOPES),
        lifetime=LIFETIME_SECONDS,
    )  # fmt: skip


def open_client(place: BigQueryPlace, http: Any = None) -> Client:
    """A client of the place; `http` replaces its session, as tests do.

    Raises:
        WarehouseError: there are no credentials.
    """
    from google.api_core.client_info import ClientInfo
    from google.cloud.bigquery import Client

    options = {"api_endpoint": place.endpoint} if place.endpoint else None
    return Client(
        project=place.project, credentials=credentials_of(place), location=place.location,
        client_info=ClientInfo(user_agent="starhouse"), client_options=options, _http=http,
    )  # fmt: skip


@contextmanager
def storage_of(place: BigQueryPlace) -> Iterator[Any]:
    """A client of the Storage Read API; None where an emulator has none."""
    if place.is_emulated and place.storage_endpoint is None:
        yield None
        return
    with _open_storage(place) as opened:
        yield opened


def _open_storage(place: BigQueryPlace) -> Any:
    from google.cloud.bigquery_storage import BigQueryReadClient

    if not place.is_emulated:
        return BigQueryReadClient(credentials=credentials_of(place))
    import grpc
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import (
        BigQueryReadGrpcTransport,
    )

    channel = grpc.insecure_channel(place.storage_endpoint)
    return BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))
