"""Build the environments of the servers that the suite speaks to, as a process of its own beside the tests.

Belongs here: which of them every run needs. Does not belong here: building one (`environment`), the servers.
"""

from __future__ import annotations

import sys

from tests.peers import bqemulator, zetasql
from tests.peers.environment import PeerError, peer_python
from tests.peers.servers import DOCUMENTS, STREAMS

ENVIRONMENTS = {
    "zetasql": zetasql.REQUIREMENTS, "bqemulator": bqemulator.REQUIREMENTS, "streams": STREAMS,
    "documents": DOCUMENTS,
}  # fmt: skip
"""In the order in which tests ask for them."""


def prepare() -> None:
    """Where one cannot be built, the tests that need it try again and say so."""
    for name, requirements in ENVIRONMENTS.items():
        try:
            peer_python(name, requirements)
        except PeerError as error:
            print(error, file=sys.stderr)


if __name__ == "__main__":
    prepare()
