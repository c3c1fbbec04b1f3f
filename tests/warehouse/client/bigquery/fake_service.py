"""A few requests of BigQuery's interface on the loopback, with the faults that a network has.

Belongs here: what a job's client sees when an answer is lost, refused or late. Does not belong here: SQL,
which the emulator runs.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakeService:
    """Keeps jobs by id. `faults` are met by the next requests that start a job, one each: a status to answer
    with and a reason, or "lost" to take the job and hang up. `failures`: reasons for which the next jobs
    fail.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.posted: list[dict[str, Any]] = []
        self.faults: list[str | tuple[int, str]] = []
        self.failures: list[str] = []
        self.bytes_of_a_dry_run = 0

    def started(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        """The answer to a request that starts a job; None to hang up."""
        self.posted.append(body)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, tuple):
            return _refusal(*fault)
        job_id = body["jobReference"]["jobId"]
        if body["configuration"].get("dryRun"):
            statistics = {"query": {"totalBytesProcessed": str(self.bytes_of_a_dry_run)}}
            return 200, {**body, "status": {"state": "DONE"}, "statistics": statistics}
        if job_id in self.jobs:
            return _refusal(409, "duplicate")
        status: dict[str, Any] = {"state": "DONE"}
        if self.failures:
            error = {"reason": self.failures.pop(0), "message": "as told"}
            status |= {"errorResult": error, "errors": [error]}
        query = {"totalBytesProcessed": "7", "totalBytesBilled": "10", "numDmlAffectedRows": "3"}
        self.jobs[job_id] = {**body, "status": status, "statistics": {"query": query}}
        return None if fault == "lost" else (200, self.jobs[job_id])

    def read(self, path: str) -> tuple[int, dict[str, Any]]:
        """A job, or the one row of its result."""
        kind, _, job_id = path.split("?")[0].rpartition("/")
        if job_id not in self.jobs:
            return _refusal(404, "notFound")
        if kind.endswith("/jobs"):
            return 200, self.jobs[job_id]
        field = {"name": "one", "type": "INTEGER", "mode": "NULLABLE"}
        return 200, {
            "jobReference": self.jobs[job_id]["jobReference"], "jobComplete": True, "totalRows": "1",
            "schema": {"fields": [field]}, "rows": [{"f": [{"v": "1"}]}],
        }  # fmt: skip


def _refusal(status: int, reason: str) -> tuple[int, dict[str, Any]]:
    error = {"reason": reason, "message": f"{reason} as told"}
    return status, {"error": {"code": status, "message": error["message"], "errors": [error]}}


@contextmanager
def fake_service() -> Iterator[tuple[FakeService, str]]:
    """The service and its address."""
    service = FakeService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # noqa: N802  (the library's name)
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(service.started(body))

        def do_GET(self) -> None:  # noqa: N802
            self._answer(service.read(self.path))

        def _answer(self, answer: tuple[int, dict[str, Any]] | None) -> None:
            if answer is None:
                self.close_connection = True
                self.connection.close()
                return
            content = json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield service, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
