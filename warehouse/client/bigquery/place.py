"""Where a warehouse on BigQuery is: its URL, read and checked.

Belongs here: the parts of `bigquery://project/dataset?option=value`. Does not belong here: connecting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from warehouse.client.errors import SettingsError

SCHEME = "bigquery"
ALLOWED = "Allowed: bigquery://project/dataset?location=EU. Mend STARHOUSE_WAREHOUSE_URL, or unset it."
PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
DATASET = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
LOCATION = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,40}")
ACCOUNT = re.compile(r"[a-z0-9-]+@[a-z0-9.-]+")
BUCKET = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/[A-Za-z0-9_./-]*)?")
PRICE_PER_TIB = 6.25
LEAST_BILLED = 10 * 2**20
OWN_MACHINE = ("127.0.0.1", "localhost", "::1")
PRIORITIES = ("interactive", "batch")
SECRETS = (
    "password", "user", "token", "access_token", "credentials", "credentials_path", "credentials_base64",
    "key", "keyfile", "key_file", "keyfile_json", "service_account", "private_key",
)  # fmt: skip
"""What other clients take in their URLs and this one does not: it would put a secret into a file or a log."""


@dataclass(frozen=True)
class BigQueryPlace:
    """A project, and the prefix of its datasets: the schema `core` is the dataset `<dataset>_core`.

    location: where datasets are made and jobs run. impersonate: the account whose rights are borrowed.
    maximum_bytes_billed: of one query, which fails beyond it and costs nothing. budget_bytes: of all queries
    of one opened warehouse, by their dry runs. price_per_tib: dollars for 2**40 bytes read, by default the
    list price on demand (cloud.google.com/bigquery/pricing, US: 6.25), to be checked against one's own.
    export_uri: a folder of a bucket into which models are exported. endpoint and storage_endpoint
    (host:port): of an emulator on this machine, which is spoken to without credentials.
    """

    project: str
    dataset: str
    location: str = "US"
    impersonate: str | None = None
    maximum_bytes_billed: int | None = None
    budget_bytes: int | None = None
    priority: str = "interactive"
    endpoint: str | None = None
    storage_endpoint: str | None = None
    price_per_tib: float = PRICE_PER_TIB
    export_uri: str | None = None

    @property
    def is_emulated(self) -> bool:
        return self.endpoint is not None

    def dataset_of(self, schema: str) -> str:
        """The dataset that holds a schema."""
        return f"{self.dataset}_{schema}"

    def named(self, dataset: str) -> BigQueryPlace:
        """The same place with another prefix.

        Raises:
            SettingsError: it is no name of a dataset.
        """
        if not DATASET.fullmatch(dataset):
            raise SettingsError(
                f"Settings failed: the dataset is {dataset!r}. Allowed on BigQuery: a letter or _ first, "
                "then letters, digits or _, 200 at most. Change STARHOUSE_DATABASE or the path of "
                "STARHOUSE_WAREHOUSE_URL."
            )
        return replace(self, dataset=dataset)


def dataset_in(url: str) -> str | None:
    """The dataset a URL names; None where it names none."""
    return unquote(urlsplit(url).path.strip("/")) or None


def read_place(url: str, dataset: str) -> BigQueryPlace:
    """The place a URL names, its dataset replaced by `dataset`.

    Raises:
        SettingsError: a part of it is unknown, malformed, or a secret. The text never repeats a secret.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise SettingsError(
            "Settings failed: STARHOUSE_WAREHOUSE_URL holds a user or password. On BigQuery none is allowed: "
            "log in with `gcloud auth application-default login`, or name an account with ?impersonate=."
        )
    if not PROJECT.fullmatch(parts.netloc):
        raise SettingsError(
            f"Settings failed: STARHOUSE_WAREHOUSE_URL names the project {parts.netloc!r}. Allowed: 6 to 30 "
            f"small letters, digits or -, a letter first. {ALLOWED}"
        )
    return BigQueryPlace(parts.netloc, dataset, **_options(parts.query)).named(dataset)


def _options(query: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in SECRETS:
            raise SettingsError(
                f"Settings failed: STARHOUSE_WAREHOUSE_URL has the option {name}. Secrets and key files are "
                "not taken: log in with `gcloud auth application-default login`, or name an account with "
                "?impersonate=."
            )
        if name not in READERS:
            raise SettingsError(
                f"Settings failed: STARHOUSE_WAREHOUSE_URL has the option {name!r}. Allowed: "
                f"{', '.join(READERS)}. Take it out, or mend its name."
            )
        if name in found:
            raise SettingsError(f"Settings failed: STARHOUSE_WAREHOUSE_URL names {name} twice. Name it once.")
        found[name] = READERS[name](name, value)
    return found


def _refused(name: str, value: str, allowed: str) -> SettingsError:
    return SettingsError(
        f"Settings failed: {name} in STARHOUSE_WAREHOUSE_URL is {value!r}. Allowed: {allowed}."
    )


def _matching(pattern: re.Pattern[str], allowed: str) -> Any:
    def read(name: str, value: str) -> str:
        if not pattern.fullmatch(value):
            raise _refused(name, value, allowed)
        return value

    return read


def _bytes(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", value) or int(value) == 0:
        raise _refused(name, value, "a whole number of bytes above 0, such as 10000000000")
    return int(value)


def _price(name: str, value: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}([.][0-9]{1,6})?", value):
        raise _refused(name, value, "dollars for a TiB, such as 6.25")
    return float(value)


def _limit(name: str, value: str) -> int:
    if (found := _bytes(name, value)) < LEAST_BILLED:
        raise _refused(name, value, f"{LEAST_BILLED} or more: BigQuery bills no less for a table")
    return found


def _priority(name: str, value: str) -> str:
    if value not in PRIORITIES:
        raise _refused(name, value, ", ".join(PRIORITIES))
    return value


def _endpoint(name: str, value: str) -> str:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        is_local = parts.scheme == "http" and parts.hostname in OWN_MACHINE and parts.port
    except ValueError:
        is_local = False
    if not is_local:
        raise _refused(name, value, "an emulator on this machine, such as http://127.0.0.1:9050")
    return value.rstrip("/")


READERS = {
    "location": _matching(LOCATION, "a location of BigQuery, such as EU, US or europe-west3"),
    "impersonate": _matching(ACCOUNT, "the address of a service account"),
    "maximum_bytes_billed": _limit,
    "budget_bytes": _bytes,
    "price_per_tib": _price,
    "export_uri": _matching(BUCKET, "a folder of a bucket, such as gs://bucket/folder"),
    "priority": _priority,
    "endpoint": _endpoint,
    "storage_endpoint": _endpoint,
}
