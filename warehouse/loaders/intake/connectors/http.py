"""HTTP interfaces that answer with JSON, page by page, by dlt's own REST client.

    options: {base_url: "https://api.example.org/v1", requests_per_second: 5}     # of the source
    read: orders                                                                  # of a table: the path
    options: {rows: data.items, pages: {kind: next_link, at: paging.next}, since: updated_since}

The environment variable that `connection` names holds a bearer token; it is sent to the host of `base_url`
only. An answer of 429 or 5xx, a broken connection and a time-out are tried again, later each time, and when
`Retry-After` says. `since`: the query parameter that takes the greatest `cursor` value seen; without it the
whole is read each time. As pages may come in any order, that value counts once all were loaded.

Belongs here: requests and pages. Does not belong here: what a row must be like.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from warehouse.client.errors import scrub
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake.batch import Batch, Reject
from warehouse.loaders.intake.casting import cast
from warehouse.loaders.intake.connectors.options import options_of, refuse_deletes
from warehouse.loaders.intake.connectors.places import place_of
from warehouse.loaders.intake.declared import DeclaredSource, DeclaredTable

if TYPE_CHECKING:
    from warehouse.client.settings import Secret

DEFAULTS: dict[str, Any] = {
    "base_url": "", "headers": {}, "params": {}, "rows": "$", "pages": {"kind": "single"}, "since": "",
    "since_start": "", "requests_per_second": 10.0, "timeout_s": 30.0, "attempts": 6, "backoff_s": 1.0,
    "longest_wait_s": 300.0,
}  # fmt: skip
BATCH_ROWS, BATCH_BYTES = 20_000, 8 << 20
"""Pages are gathered up to so much: a load of each page alone takes most of its time for its transaction."""
PAGES = {
    "single": "one answer holds all",
    "page_number": "at: the parameter of the page, first: its first number",
    "next_link": "at: where the answer holds the next address",
    "link_header": "the next address stands in the header Link",
    "cursor": "at: where the answer holds the mark of the next page, parameter: the parameter that takes it",
}


def read(
    source: DeclaredSource, table: DeclaredTable, connection: Secret | None, positions: Mapping[str, str]
) -> Iterator[Batch]:
    """Batches of whole pages.

    Raises:
        LoadError: an option, an answer that is an error after all attempts, no JSON, pages without an end.
    """
    import requests

    chosen = options_of(source, table, DEFAULTS)
    refuse_deletes(source, table)
    token = connection.reveal() if connection else None
    params = {**chosen["params"]}
    if chosen["since"] and (positions.get("") or chosen["since_start"]):
        params[chosen["since"]] = positions.get("") or chosen["since_start"]
    try:
        yield from _batches(_client(source, chosen, token), table, chosen, params)
    except (requests.RequestException, ValueError) as error:
        answer = getattr(error, "response", None)
        detail = f"{error} {answer.text[:200]}" if answer is not None else str(error)
        raise LoadError(
            f"source {source.name}: reading {table.read}", value=scrub(detail, token),
            allowed="an answer of JSON",
            next_step="check the address, the token and the service; what was loaded stays",
        ) from None  # fmt: skip


def _batches(
    client: Any, table: DeclaredTable, chosen: Mapping[str, Any], params: dict[str, Any]
) -> Iterator[Batch]:
    waiting, newest, before = Batch([], []), None, None
    seen: set[str] = set()
    size = 0
    try:
        for number, page in enumerate(client.paginate(table.read, params=params), start=1):
            url, content = page.response.request.url, page.response.content
            if url in seen or (len(page) and content == before):
                raise LoadError(
                    f"{table.read}: the pages have no end", value=f"page {number} comes again",
                    allowed="another page each time", next_step="correct the option pages",
                )  # fmt: skip
            seen.add(url)
            before = content
            if waiting.row_count >= BATCH_ROWS or size >= BATCH_BYTES:
                yield waiting
                waiting, size = Batch([], []), 0
            came = _page(page, table, number)
            newest = _newest(table, came, newest)
            waiting = Batch(
                [*waiting.rows, *came.rows], [*waiting.positions, *came.positions],
                rejects=[*waiting.rejects, *came.rejects],
            )  # fmt: skip
            size += len(content)
    except Exception:
        # what came before the fault is loaded
        if waiting.row_count:
            yield waiting
        raise
    resume = {"": newest[1]} if newest and chosen["since"] else {}
    if waiting.row_count or resume:
        yield Batch(waiting.rows, waiting.positions, resume, waiting.rejects)


def _page(page: Any, table: DeclaredTable, page_number: int) -> Batch:
    rows, positions, rejects = [], [], []
    for number, row in enumerate(page, start=1):
        if isinstance(row, dict):
            rows.append(row)
            keys = [row.get(name) for name in table.key]
            positions.append(place_of(table.read, table.key, keys, f"page {page_number}, row {number}"))
        else:
            at = f"{table.read}: page {page_number}, row {number}"
            rejects.append(Reject(at, f"it is {type(row).__name__}, not an object", None, {"value": row}))
    return Batch(rows, positions, rejects=rejects)


def _newest(table: DeclaredTable, batch: Batch, before: tuple[Any, str] | None) -> tuple[Any, str] | None:
    """The greatest cursor value and the text the source gave for it."""
    if not table.cursor or not batch.positions:
        return before
    kind = next(column.kind for column in table.columns if column.name == table.cursor)
    given = batch.values(table.cursor)
    fitting = cast(given, kind, table.zone)[0].to_pylist()
    pairs = [(value, str(text)) for value, text in zip(fitting, given, strict=True) if value is not None]
    return max([*pairs, *([before] if before else [])], key=lambda pair: pair[0], default=None)


def _client(source: DeclaredSource, chosen: Mapping[str, Any], token: str | None) -> Any:
    from dlt.common.configuration.specs import RuntimeConfiguration
    from dlt.sources.helpers.requests import Client
    from dlt.sources.helpers.rest_client import RESTClient

    parts = urlsplit(chosen["base_url"])
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise LoadError(
            f"source {source.name}: option base_url", value=scrub(chosen["base_url"]),
            allowed="http://… or https://… without a password in it", next_step="correct `options`",
        )  # fmt: skip
    session = Client(
        request_timeout=float(chosen["timeout_s"]), raise_for_status=False,
        request_max_attempts=int(chosen["attempts"]), request_backoff_factor=float(chosen["backoff_s"]),
        request_max_retry_delay=float(chosen["longest_wait_s"]),
    ).session  # fmt: skip
    adapter = _paced(float(chosen["requests_per_second"]))
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return RESTClient(
        chosen["base_url"], headers=chosen["headers"], auth=_bearer(token, parts.netloc) if token else None,
        paginator=_paginator(source, chosen["pages"]), data_selector=chosen["rows"], session=session,
        config=RuntimeConfiguration(),
    )  # fmt: skip


def _paginator(source: DeclaredSource, pages: Mapping[str, Any]) -> Any:
    from dlt.sources.helpers.rest_client import paginators as kinds

    kind = pages.get("kind")
    if kind not in PAGES:
        raise LoadError(
            f"source {source.name}: option pages", value=pages, next_step="correct `options`",
            allowed="; ".join(f"kind {name}: {meaning}" for name, meaning in PAGES.items()),
        )  # fmt: skip
    if kind == "page_number":
        first = int(pages.get("first", 1))
        return kinds.PageNumberPaginator(
            base_page=first, page_param=pages.get("at", "page"), total_path=None, stop_after_empty_page=True
        )
    if kind == "next_link":
        return kinds.JSONLinkPaginator(pages.get("at", "next"))
    if kind == "cursor":
        return kinds.JSONResponseCursorPaginator(pages.get("at", "next"), pages.get("parameter", "cursor"))
    return kinds.HeaderLinkPaginator() if kind == "link_header" else kinds.SinglePagePaginator()


def _bearer(token: str, host: str) -> Any:
    from requests.auth import AuthBase

    class Bearer(AuthBase):
        """The token for one host; a link to the next page may name another."""

        def __call__(self, request: Any) -> Any:
            if urlsplit(request.url).netloc == host:
                request.headers["Authorization"] = f"Bearer {token}"
            return request

    return Bearer()


def _paced(requests_per_second: float) -> Any:
    from requests.adapters import HTTPAdapter

    class Paced(HTTPAdapter):
        """Requests at even distances at least, those that are tried again included."""

        free_at = 0.0

        def send(self, *args: Any, **kwargs: Any) -> Any:
            time.sleep(max(0.0, self.free_at - time.monotonic()))
            self.free_at = time.monotonic() + 1.0 / requests_per_second
            return super().send(*args, **kwargs)

    return Paced()
