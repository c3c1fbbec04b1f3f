"""The target of dbt's profile for a warehouse on BigQuery.

Belongs here: its lines. Does not belong here: credentials, which dbt takes from where this client does.
"""

from __future__ import annotations

from warehouse.client.bigquery.place import BigQueryPlace

THREADS = 8
"""Jobs at once: BigQuery runs them elsewhere, so a build waits less the more it sends."""
RETRIES = 3
NO_TOKEN = "none"  # noqa: S105  (an emulator asks for some token, and reads none)


def target_lines(place: BigQueryPlace, own: str) -> list[str]:
    """The options of one target; its `dataset` is the prefix `own`, or STARHOUSE_DATABASE when dbt runs."""
    emulated = ["method: oauth-secrets", f"token: {NO_TOKEN}", f"api_endpoint: '{place.endpoint}'"]
    lines = [
        "type: bigquery",
        *(emulated if place.is_emulated else ["method: oauth"]),
        f"project: '{place.project}'",
        f"dataset: \"{{{{ env_var('STARHOUSE_DATABASE', '{own}') }}}}\"",
        f"location: '{place.location}'",
        f"priority: {place.priority}",
        f"threads: {THREADS}",
        f"job_retries: {0 if place.is_emulated else RETRIES}",
    ]
    if place.maximum_bytes_billed is not None:
        lines.append(f"maximum_bytes_billed: {place.maximum_bytes_billed}")
    if place.impersonate is not None:
        lines.append(f"impersonate_service_account: '{place.impersonate}'")
    return lines
