"""Environments of their own for packages that tests and benchmarks compare with, built once and used again.

A peer needs other packages than the project, at times other versions of the same, so it is never installed
beside it: it gets `build/peers/<name>`, runs as a subprocess there, and exchanges files of JSON or npz.
Belongs here: building and running such an environment. Does not belong here: what is compared.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "build" / "peers"
STAMP = ".installed"
INSTALL_SECONDS = 900.0
RUN_SECONDS = 600.0
SHOWN_LINES = 20
WITHIN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
"""Variables that would lead the peer's Python to the packages of another."""


class PeerError(RuntimeError):
    """A peer's environment could not be built, or its script failed: says at what, with the last lines."""


def peer_python(name: str, requirements: Sequence[str]) -> Path:
    """The Python of the environment `build/peers/<name>`, which holds `requirements`, each pinned by `==`.

    It is built on the first call, and anew when the requirements or this Python's version changed; the stamp
    that says so is written last, so an interrupted build does not pass for a whole one. A second process that
    asks meanwhile waits for the first.

    Raises:
        PeerError: a requirement is not pinned, or the environment could not be built.
    """
    if not re.fullmatch(r"[a-z0-9_-]+", name):
        raise PeerError(f"peer {name!r}: not a name; allowed: small letters, digits, - and _.")
    loose = [one for one in requirements if not re.fullmatch(r"[\w.\[\],-]+==[\w.+!-]+", one)]
    if loose:
        raise PeerError(f"peer {name}: the requirements {loose} are not pinned; allowed: package==version.")
    folder = PEERS / name
    wanted = {"python": ".".join(map(str, sys.version_info[:3])), "requirements": list(requirements)}
    with _only_one(name):
        if not _is_built(folder, wanted):
            _build(name, folder, list(requirements))
            _write_stamp(folder, wanted)
    return folder / "bin" / "python"


def peer_or_skip(name: str, requirements: Sequence[str]) -> Path:
    """As `peer_python`; a test that asks is skipped by the peer's name where it cannot be built."""
    try:
        return peer_python(name, requirements)
    except PeerError as error:
        pytest.skip(f"NOT COMPARED WITH {name.upper()}: {error}")


def run_peer(python: Path, script: Path, *arguments: str | Path, seconds: float = RUN_SECONDS) -> str:
    """Run a script by a peer's Python, without the project on its path; what it wrote to its output.

    Raises:
        PeerError: it ended with an error, or took longer than `seconds`.
    """
    command = [str(python), "-P", str(script), *map(str, arguments)]
    return _run(f"{script.name} in the environment {python.parent.parent.name}", command, seconds)


def _build(name: str, folder: Path, requirements: list[str]) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    deadline = time.monotonic() + INSTALL_SECONDS
    make = [sys.executable, "-m", "venv", *([] if requirements else ["--without-pip"]), str(folder)]
    _run(f"creating the environment of peer {name}", make, INSTALL_SECONDS)
    if requirements:
        pip = [str(folder / "bin" / "python"), "-P", "-m", "pip", "install", "--quiet", "--prefer-binary"]
        what = f"installing {', '.join(requirements)} for peer {name}"
        _run(what, [*pip, *requirements], deadline - time.monotonic())


def _is_built(folder: Path, wanted: dict[str, object]) -> bool:
    try:
        return json.loads((folder / STAMP).read_text(encoding="utf-8")) == wanted
    except (OSError, ValueError):
        return False


def _write_stamp(folder: Path, wanted: dict[str, object]) -> None:
    new = folder / f"{STAMP}.new"
    new.write_text(json.dumps(wanted), encoding="utf-8")
    new.replace(folder / STAMP)


@contextmanager
def _only_one(name: str) -> Iterator[None]:
    """Hold the peer's lock, which ends with the process that held it."""
    PEERS.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + INSTALL_SECONDS
    with (PEERS / f"{name}.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise PeerError(
                        f"peer {name}: another process has built it for {INSTALL_SECONDS:g} s by now. "
                        "Wait for it, or end it."
                    ) from error
                time.sleep(0.2)
        yield


def _run(what: str, command: list[str], seconds: float) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in WITHIN}
    environment.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, timeout=max(seconds, 1.0),
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"{what}: not done after {seconds:.0f} s.") from error
    except OSError as error:
        raise PeerError(f"{what}: {error}") from error
    if done.returncode:
        shown = "\n".join((done.stderr or done.stdout).splitlines()[-SHOWN_LINES:])
        raise PeerError(f"{what} ended with {done.returncode}; its last lines:\n{shown}")
    return done.stdout
