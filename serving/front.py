"""The front door: every request passes here before it reaches a model.

Belongs here: request id, method and content type, size and reading limits, strict parsing, /readyz, the
page at /, counting.
Does not belong here: predictions (`serving.engine`). An ASGI middleware, because the server below it reads
bodies of any size, logs what was
in a wrong one, and accepts NaN.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from serving import measures
from serving.problems import ENDPOINTS_LISTED, SEE_DOCS, Problem, invalid
from serving.schemas import INPUT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from serving.schemas import Endpoint

log = logging.getLogger("starhouse.serving")

MAX_BODY_BYTES = 4 * 1024 * 1024
"""A full batch of 1,000 rows with 40 features takes about 1 MB."""
LARGE_BODY_BYTES = 64 * 1024
BODY_SECONDS = 5.0
"""How long a client may take to send its body, so that slow ones do not hold the door."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
INDEX = Path(__file__).with_name("index.html")
SYSTEM_PATHS = ("/livez", "/healthz", "/readyz", "/metrics", "/docs.json", "/schema.json")
request_id: ContextVar[str] = ContextVar("request_id", default="")


class Front:
    """The middleware. `readiness` is asked for /readyz: by model, whether its champion is loaded."""

    def __init__(
        self,
        app: Any,
        endpoints: Mapping[str, Endpoint],
        readiness: Callable[[], Awaitable[dict[str, dict[str, Any]]]],
    ) -> None:
        self.app, self.endpoints, self.readiness = app, endpoints, readiness

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One ASGI call."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        given = headers.get("x-request-id", "")
        identity = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        request_id.set(identity)
        endpoint = self.endpoints.get(scope["path"])
        answered = _Answered(send, identity)
        started = time.perf_counter()
        try:
            await self._enter(scope, receive, answered, endpoint, headers)
        except Problem as problem:
            await problem.response(identity)(scope, receive, answered)
        finally:
            if endpoint is not None:
                measures.count(endpoint, answered.status, time.perf_counter() - started)

    async def _enter(
        self, scope: Any, receive: Any, send: Any, endpoint: Endpoint | None, headers: dict[str, str]
    ) -> None:
        if endpoint is None:
            await self._elsewhere(scope, receive, send)
            return
        if scope["method"] != "POST":
            message = f"{scope['method']} is not allowed here; allowed: POST."
            raise Problem(405, "method_not_allowed", message, SEE_DOCS, headers={"Allow": "POST"})
        _check_content(headers)
        body = await _read(receive, headers.get("content-length"))
        if len(body) > LARGE_BODY_BYTES:  # takes milliseconds to parse; others need not wait for it
            scope[INPUT] = await asyncio.to_thread(_parse, endpoint, body)
        else:
            scope[INPUT] = _parse(endpoint, body)
        await self.app(scope, receive, send)

    async def _elsewhere(self, scope: Any, receive: Any, send: Any) -> None:
        """Paths that are no model's: our own, the server's, or none."""
        if scope["path"] == "/readyz":
            await self._readyz(scope, receive, send)
        elif scope["path"] == "/":
            await _index()(scope, receive, send)
        elif _is_system(scope["path"]):
            await self.app(scope, receive, send)
        else:
            raise Problem(404, "no_such_path", "There is nothing at this path.", ENDPOINTS_LISTED)

    async def _readyz(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.responses import JSONResponse

        states = await self.readiness()
        is_ready = bool(states) and all(state["is_ready"] for state in states.values())
        body = {"is_ready": is_ready, "models": states}
        await JSONResponse(body, status_code=200 if is_ready else 503)(scope, receive, send)


class _Answered:
    """`send` with the request id in the headers; remembers the status."""

    def __init__(self, send: Any, identity: str) -> None:
        self._send, self._identity, self.status = send, identity.encode(), 500

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), (b"x-request-id", self._identity)]}
        await self._send(message)


def _index() -> Any:
    """The page at /. The server's own would load a tracker and pictures from elsewhere; ours may load from
    here only."""
    from starlette.responses import FileResponse

    policy = "default-src 'self' 'unsafe-inline'; img-src 'self' data:"
    return FileResponse(INDEX, media_type="text/html", headers={"Content-Security-Policy": policy})


def _is_system(path: str) -> bool:
    return path in SYSTEM_PATHS or path.startswith("/static_content/")


def _check_content(headers: Mapping[str, str]) -> None:
    kind = headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "not_json", f"Content type {kind[:80]!r}; allowed: application/json.", SEE_DOCS)
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        message = f"Content encoding {coding[:80]!r}; allowed: none."
        raise Problem(415, "encoded_body", message, "Send the body uncompressed.")


def _too_large() -> Problem:
    return Problem(
        413,
        "body_too_large",
        f"The body is larger than {MAX_BODY_BYTES:,} bytes.",
        "Send several smaller requests.",
        headers={"Connection": "close"},
    )


async def _read(receive: Any, content_length: str | None) -> bytes:
    """The body, refused before reading where its stated length is too large, and while reading where it
    lied."""
    if content_length is not None and content_length.isdigit() and int(content_length) > MAX_BODY_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _collect(receive)
    except TimeoutError as error:
        message = f"The body did not arrive within {BODY_SECONDS:g} seconds."
        raise Problem(408, "body_too_slow", message, "Try again.", headers={"Connection": "close"}) from error


async def _collect(receive: Any) -> bytes:
    parts, size, is_more = [], 0, True
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(
                400, "disconnected", "The client went away before its body was whole.", "Try again."
            )
        part, is_more = message.get("body", b""), message.get("more_body", False)
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise _too_large()
        parts.append(part)
    return b"".join(parts)


def _parse(endpoint: Endpoint, body: bytes) -> Any:
    try:
        return endpoint.request.model_validate_json(body)
    except ValidationError as error:
        raise invalid(error, endpoint.request, endpoint.allowed) from None
