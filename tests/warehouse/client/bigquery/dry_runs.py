"""A small server of BigQuery's interface that knows dry runs alone, and exported files of a bucket.

The emulator answers every dry run with 0 bytes. This one answers with the bytes that a test gave each
table, so that what is done with them can be judged; it proves nothing about BigQuery's own numbers. `jobs`
holds the configurations that were sent. Belongs here: the answers. Does not belong here: assertions.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PROJECT = "a-project"


class DryRuns:
    """`tables`: bytes by `dataset.table`, each of one column `id`. `files`: content by object of a bucket."""

    def __init__(self, tables: Mapping[str, int], files: Mapping[str, bytes] | None = None) -> None:
        self.tables, self.files = dict(tables), dict(files or {})
        self.jobs: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answers", (_Answers,), {"owner": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def job(self, sent: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.jobs.append(sent["configuration"])
        text = sent["configuration"]["query"]["query"]
        named = {".".join(pair) for pair in re.findall(r"`(\w+)`\.`(\w+)`", text)}
        for name in sorted(named - set(self.tables)):
            return _failed(404, "notFound", f"Not found: Table {PROJECT}:{name} was not found in location US")
        if not sent["configuration"].get("dryRun"):
            return _failed(400, "invalid", "this server runs nothing")
        size = str(sum(self.tables[name] for name in named))
        done = {"state": "DONE"}
        statistics = {"totalBytesProcessed": size, "query": {"totalBytesProcessed": size}}
        return 200, {**sent, "id": "x", "status": done, "statistics": statistics}

    def found(self, path: str, asked: Mapping[str, list[str]]) -> tuple[int, Any]:
        if table := re.fullmatch(r"/bigquery/v2/projects/[^/]+/datasets/(\w+)/tables/(\w+)", path):
            name = ".".join(table.groups())
            if name not in self.tables:
                return _failed(404, "notFound", f"Not found: Table {PROJECT}:{name}")
            place = {"projectId": PROJECT, "datasetId": table[1], "tableId": table[2]}
            return 200, {"tableReference": place, "schema": {"fields": [{"name": "id", "type": "INTEGER"}]}}
        if path.startswith("/storage/v1/b/a-bucket/o"):
            name = unquote(path.removeprefix("/storage/v1/b/a-bucket/o").lstrip("/"))
            if name:
                return (200, self.files[name]) if name in self.files else _failed(404, "notFound", name)
            chosen = [one for one in sorted(self.files) if one.startswith(asked["prefix"][0])]
            at = int(asked.get("pageToken", ["0"])[0])  # one a page
            more = {"nextPageToken": str(at + 1)} if at + 1 < len(chosen) else {}
            items = [{"name": one, "size": str(len(self.files[one]))} for one in chosen[at : at + 1]]
            return 200, {"items": items, **more}
        return _failed(403, "accessDenied", "Access denied")


def _failed(code: int, reason: str, text: str) -> tuple[int, dict[str, Any]]:
    return code, {"error": {"code": code, "message": text, "errors": [{"reason": reason, "message": text}]}}


class _Answers(BaseHTTPRequestHandler):
    owner: DryRuns

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        self._answer(*self.owner.job(json.loads(self.rfile.read(size))))

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._answer(*self.owner.found(parts.path, parse_qs(parts.query)))

    def _answer(self, code: int, content: Any) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""
