"""What a failed start means: the server's own words turned into cause and next step.

Belongs here: reading logs. Does not belong: mending anything.
"""

from __future__ import annotations

import re
from pathlib import Path

from warehouse.client.embedded.layout import Layout

TAIL_LINES = 12

# pattern in the server's words → (cause, next step); the first that fits is taken
CAUSES = (
    (r"No space left on device|Disk quota exceeded", "the disk is full", "Free some space where {home} lies"),
    (
        r"Read-only file system",
        "the file system is read-only",
        "Set STARHOUSE_HOME to a folder that can be written",
    ),
    (
        r"Permission denied|wrong ownership|Operation not permitted|not permitted",
        "no permission",
        "Give this user the folder {home}, or set STARHOUSE_HOME to a folder that it may write",
    ),
    (
        r"incompatible with server|was initialized by PostgreSQL",
        "wrong version: the data were made by another PostgreSQL",
        "Move {data} away",
    ),
    (
        r"lock file .* already exists|Is another (postmaster|postgres)",
        "another server uses these data",
        "Run `starhouse down`, and end any server on {data}",
    ),
    (
        r"Address already in use|could not bind|could not create.*socket",
        "its socket cannot be opened",
        "Remove {socket} if no server uses it",
    ),
    (
        r"could not (map anonymous|resize) shared memory|Cannot allocate memory|out of memory",
        "there is too little memory",
        "Free about 500 MB of memory",
    ),
    (r"could not look up .*user ID", "this user has no name on this machine", "Add it to /etc/passwd"),
)


def explain(layout: Layout, words: str) -> str:
    """One error text from the server's or the system's words."""
    shown = "\n".join(words.strip().splitlines()[-TAIL_LINES:]) or "no message"
    for pattern, cause, step in CAUSES:
        if re.search(pattern, words, re.IGNORECASE):
            mend = step.format(home=layout.home, data=layout.data, socket=layout.socket)
            return (
                f"Starting the warehouse failed: {cause}. {mend}, then try again. The server said:\n{shown}"
            )
    return (
        f"Starting the warehouse failed. The server said:\n{shown}\n"
        f"The whole log is {layout.log}; `starhouse doctor` looks for the cause."
    )


def tail(log: Path, offset: int = 0) -> str:
    """The log's text from byte `offset`, at most its last 20 kB."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(offset, size - 20_000))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
