"""What is wrong with this installation and its warehouse, and how to mend it: `starhouse doctor`.

Belongs here: looking, and saying what to do. Does not belong: mending. Files are looked at first; only when
they are in order is the server started, as any command would, to prove that it starts.
"""

from __future__ import annotations

from warehouse.client.doctor import bigquery_project, embedded_server, external_server, files, installation
from warehouse.client.doctor.finding import Finding, problem
from warehouse.client.errors import SettingsError, WarehouseError
from warehouse.client.settings import load_settings

__all__ = ["Finding", "diagnose"]


def diagnose() -> list[Finding]:
    """One finding a check, in the order of the cure: mend the first problem first."""
    findings = [installation.python(), installation.packages()]
    try:
        settings = load_settings()
    except SettingsError as error:
        return [
            *findings,
            problem("settings", str(error), "Change that variable, then run `starhouse doctor` again."),
        ]
    findings += [files.home(settings), files.disk(settings)]
    try:
        if settings.is_embedded:
            findings += embedded_server.checks(settings, is_startable=all(one.is_ok for one in findings))
        elif settings.engine == "bigquery":
            findings += bigquery_project.checks(settings)
        else:
            findings += external_server.checks(settings)
        findings.append(files.profile(settings))
    except WarehouseError as error:
        findings.append(
            problem("server", str(error), "Follow the message, then run `starhouse doctor` again.")
        )
    return [*findings, *files.ports()]
