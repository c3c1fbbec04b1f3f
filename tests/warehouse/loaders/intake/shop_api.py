"""An HTTP interface of the tests' own: orders in pages of every kind, a token, failures when told.

Belongs here: the server. Does not belong here: what is expected of a client.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

PAGE_ROWS = 10


class ShopApi(ThreadingHTTPServer):
    """`orders`: what it serves. `failing`: answers given before the next right one: a status, a status with
    headers, or "hang up". `seen`: path, parameters and token of each request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.orders: list[Any] = []
        self.failing: list[Any] = []
        self.seen: list[tuple[str, dict[str, str], str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def text(self, path: str, given: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        """The answer as it is sent."""
        content, headers = self.answer(path, given)
        return json.dumps(content).encode(), headers

    def answer(self, path: str, given: dict[str, str]) -> tuple[Any, dict[str, str]]:
        """Content and headers of a path."""
        since = given.get("since", "")
        rows = [row for row in self.orders if not since or str(row["paid_at"]) >= since]
        at = int(given.get("page", given.get("cursor", 1)))
        part, following = rows[(at - 1) * PAGE_ROWS : at * PAGE_ROWS], str(at + 1)
        more = at * PAGE_ROWS < len(rows)
        if path == "/linked":
            link = f"{self.url}/linked?page={following}" if more else None
            return {"data": {"items": part}, "paging": {"next": link}}, {}
        if path == "/header":
            link = {"Link": f'<{self.url}/header?page={following}>; rel="next"'} if more else {}
            return part, link
        if path == "/marked":
            return {"items": part, "next": following if more else None}, {}
        if path == "/endless":
            return {"items": rows[:PAGE_ROWS]}, {}
        if path == "/elsewhere":
            other = self.url.replace("127.0.0.1", "localhost")
            return {"items": part, "next": f"{other}/linked?page=2" if at == 1 else None}, {}
        return part, {}


class _Handler(BaseHTTPRequestHandler):
    server: ShopApi

    def do_GET(self) -> None:  # noqa: N802
        parts = urlsplit(self.path)
        given = dict(parse_qsl(parts.query))
        token = self.headers.get("Authorization")
        self.server.seen.append((parts.path, given, token))
        fault = self.server.failing.pop(0) if self.server.failing else None
        if fault == "hang up":
            self.connection.close()
            return
        if fault:
            status, headers = fault if isinstance(fault, tuple) else (fault, {})
            self._send(status, b"out of order", headers)
        elif token not in (None, "Bearer canary"):
            self._send(401, b"who are you", {})
        else:
            self._send(200, *self.server.text(parts.path, given))

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Requests are kept in `seen`."""


@contextmanager
def shop_api(server: ShopApi | None = None) -> Iterator[ShopApi]:
    with server or ShopApi() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)
