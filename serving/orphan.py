"""A worker must not outlive the process that started it: killed hard, the supervisor could not tell it to
stop, and the port
would stay taken by a service nobody knows of.
"""

from __future__ import annotations

import os
import signal
import threading
import time

POLL_SECONDS = 1.0


def stop_with_parent() -> None:
    """End this process politely, soon after its parent is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
