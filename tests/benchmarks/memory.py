"""Peak memory of a command and all its children, sampled; `python -m tests.benchmarks.memory COMMAND …`
prints it.

Belongs here: running a command and watching it. Does not belong: the commands. The peak is the largest sum of
resident sizes over the process tree seen at one sample, so memory that processes share counts once for each.
A server that detaches itself is not in the tree.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

import psutil

INTERVAL = 0.05  # seconds between samples


@dataclass(frozen=True)
class Usage:
    """`peak_bytes` of the tree, wall `seconds`, and the command's `returncode`."""

    peak_bytes: int
    seconds: float
    returncode: int


def watch(command: list[str], **options) -> Usage:
    """Run the command to its end; `options` as for `subprocess.Popen`."""
    started, peak = time.perf_counter(), 0
    process = subprocess.Popen(command, **options)
    while process.poll() is None:
        peak = max(peak, resident(process.pid))
        time.sleep(INTERVAL)
    return Usage(peak, time.perf_counter() - started, process.returncode)


def resident(pid: int) -> int:
    """Bytes resident now in a process and its children; 0 when it is gone."""
    total = 0
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
    except psutil.NoSuchProcess:
        return 0
    return total


if __name__ == "__main__":
    usage = watch(sys.argv[1:])
    print(f"{usage.peak_bytes / 1e6:,.0f} MB peak, {usage.seconds:.1f} s", file=sys.stderr)
    sys.exit(usage.returncode)
