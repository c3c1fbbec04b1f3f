"""Build the environments of the servers that the suite speaks to, as a process of its own beside the tests.

Belongs here: which of them every run needs. Does not belong here: building one (`environment`), the servers.
"""

from __future__ import annotations

import sys

from tests.peers.environment import PeerError, peer_python
from tests.peers.servers import DOCUMENTS, STREAMS


def prepare() -> None:
    """Where one cannot be built, the tests that need it try again and say so."""
    for name, requirements in (("streams", STREAMS), ("documents", DOCUMENTS)):
        try:
            peer_python(name, requirements)
        except PeerError as error:
            print(error, file=sys.stderr)


if __name__ == "__main__":
    prepare()
