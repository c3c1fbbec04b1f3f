"""Stop the server of this project's home and delete its data where they lie outside the home: `make clean`
calls it.

Belongs here: undoing what only the embedded server's code knows of. Does not belong: deleting the home
itself. Run as `python -m warehouse.client.embedded.remove`.
"""

from __future__ import annotations

import shutil

from warehouse.client.embedded.layout import SHARED_ROOT, Layout, layout
from warehouse.client.embedded.server import stop_server
from warehouse.client.errors import WarehouseError
from warehouse.client.settings import load_settings


def remove(place: Layout) -> None:
    """Delete data and socket folder outside the home."""
    if place.data != place.link and SHARED_ROOT in place.data.parents:
        shutil.rmtree(place.data.parent, ignore_errors=True)
    if place.home not in place.socket_dir.parents:
        shutil.rmtree(place.socket_dir, ignore_errors=True)


def main() -> None:
    settings = load_settings(warehouse_url="")
    try:
        stop_server(settings)
    except WarehouseError as error:
        print(error)
        return
    remove(layout(settings))


if __name__ == "__main__":
    main()
