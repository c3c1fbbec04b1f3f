"""The errors of the warehouse client, and the one place that takes secrets out of their text.

Belongs here: exception types and `scrub`. Does not belong: any decision about what to do after an error.
"""

from __future__ import annotations

import re

_URL_PASSWORD = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s]*@", re.IGNORECASE)


class WarehouseError(Exception):
    """A failure of the warehouse: what failed, the value received, what is allowed, the next step.

    `sqlstate` is Postgres' five-character code where the server gave one, else None. `constraint` names the
    violated constraint where there is one.
    """

    def __init__(self, message: str, sqlstate: str | None = None, constraint: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.constraint = constraint


class SettingsError(WarehouseError):
    """A setting that cannot be used; the text names it, its value (never a secret) and what is allowed."""


class ServerError(WarehouseError):
    """The embedded server cannot be started, reached or stopped."""


def scrub(text: str, *secrets: str | None) -> str:
    """`text` without the given secrets and without the password of any URL in it."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return _URL_PASSWORD.sub(r"\g<head>***@", text)
