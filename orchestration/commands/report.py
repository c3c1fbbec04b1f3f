"""`starhouse report`: one self-contained HTML page about the house.

Belongs here: options and the closing line. Does not belong here: the page (`orchestration.report`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    out: Annotated[
        Path | None, typer.Option(help="File or folder to write to; by default the reports folder.")
    ] = None,
) -> None:
    """Write one HTML page about data, star schema, models, drift and outcomes."""
    from orchestration.report.build import write_report
    from warehouse.client import load_settings

    path = write_report(load_settings(), out)
    typer.echo(f"Report written: {path} ({path.stat().st_size / 1e6:.1f} MB). Open it in a browser.")
