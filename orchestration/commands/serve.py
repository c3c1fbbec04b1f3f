"""`starhouse serve`: the prediction service in the foreground.

Belongs here: options and the hand-over to the server's process. Does not belong: the service (`serving`).
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

PORT_HELP = "Port to listen on; 0 picks a free one."
HOST_HELP = "Address to listen on. The service has no login: keep it on loopback."


def serve(
    port: Annotated[int, typer.Option(min=0, max=65_535, help=PORT_HELP)] = 3000,
    host: Annotated[str, typer.Option(help=HOST_HELP)] = "127.0.0.1",
) -> None:
    """Serve every declared model over HTTP until Ctrl-C: documentation at /, readiness at /readyz."""
    from serving.launch import check_port, command, environment, free_port, is_loopback
    from warehouse.client import load_settings

    host = "127.0.0.1" if host == "localhost" else host
    settings = load_settings()
    if not is_loopback(host):
        typer.echo(f"Warning: the service has no login, and others may reach {host}.", err=True)
    port = port or free_port(host)
    check_port(host, port)
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    typer.echo(f"Starhouse serves at {address} (documentation at /, readiness at /readyz). Ctrl-C stops it.")
    sys.stdout.flush()
    os.chdir(settings.root)
    argv = command(host, port)
    # The server takes this process over, so that Ctrl-C, SIGTERM and the exit code are its own.
    os.execve(argv[0], argv, environment(settings, port))
