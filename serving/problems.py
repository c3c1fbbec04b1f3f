"""One form for every answer that is not a prediction.

Belongs here: the error body, the wording of pydantic's findings. Does not belong here: the decision what
is wrong.
A body never carries a traceback, a query, an address or anything of the settings; values are the caller's
own, cut short.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from starlette.responses import Response

MAX_FINDINGS = 20
MAX_VALUE_CHARACTERS = 80
SEE_DOCS = "Compare the request with the example of this endpoint in /docs.json, change it and send it again."
ENDPOINTS_LISTED = "GET /docs.json lists the endpoints."


@dataclass(frozen=True)
class Finding:
    """One wrong field: its path in the body, the value received (as text) and what is allowed."""

    field: str
    value: str
    allowed: str


@dataclass
class Problem(Exception):  # noqa: N818 (it is an answer, not a fault of the service)
    """An answer other than 200: status, a stable code for programs, a sentence for people, and the next
    step."""

    status: int
    code: str
    message: str
    next_step: str
    findings: tuple[Finding, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.message}"

    def body(self, request_id: str) -> dict[str, Any]:
        """The JSON body; `problems` is cut at MAX_FINDINGS, `problem_count` is the true number."""
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "next_step": self.next_step,
                "request_id": request_id,
                "problem_count": len(self.findings),
                "problems": [vars(finding) for finding in self.findings[:MAX_FINDINGS]],
            }
        }

    def response(self, request_id: str) -> Response:
        """The whole HTTP answer."""
        from starlette.responses import JSONResponse

        return JSONResponse(self.body(request_id), status_code=self.status, headers=self.headers)


def shown(value: Any) -> str:
    """A value as text, cut short. A container is named, not printed: it may hold a whole request."""
    if isinstance(value, (dict, list)):
        return f"{type(value).__name__} of {len(value)}"
    text = repr(value)
    return text if len(text) <= MAX_VALUE_CHARACTERS else f"{text[:MAX_VALUE_CHARACTERS]}…"


def dotted(location: Iterable[str | int]) -> str:
    """`("rows", 0, "humidity_pct")` → `rows[0].humidity_pct`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "(the whole body)"


def _names_at(model: type[BaseModel], location: tuple[str | int, ...]) -> str:
    """The fields allowed where an unknown one was found."""
    from typing import get_args

    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            annotation = model.model_fields[part].annotation
            inner = next((a for a in (annotation, *get_args(annotation)) if hasattr(a, "model_fields")), None)
            model = inner or model
    return ", ".join(model.model_fields)


def _finding(error: Mapping[str, Any], model: type[BaseModel], allowed: Mapping[str, str]) -> Finding:
    location, kind = error["loc"], error["type"]
    path = dotted(location)
    if kind == "extra_forbidden":
        return Finding(
            path, shown(error["input"]), f"no such field; the fields are: {_names_at(model, location[:-1])}"
        )
    # An entry of a list is looked up as `name[]`, a field as `name`.
    text = allowed.get(
        f"{location[-2]}[]" if len(location) > 1 and isinstance(location[-1], int) else path.split(".")[-1]
    )
    if kind == "missing":
        return Finding(path, "(missing)", text or "the field must be given")
    return Finding(path, shown(error["input"]), text or error["msg"].removeprefix("Input should be "))


def malformed(error: ValidationError) -> Problem | None:
    """The body is not JSON at all: 400, with the place; None where the finding is another."""
    first = error.errors(include_url=False)[0]
    if first["type"] != "json_invalid":
        return None
    return Problem(400, "malformed_json", f"The body is not valid JSON: {first['ctx']['error']}.", SEE_DOCS)


def invalid(error: ValidationError, model: type[BaseModel], allowed: Mapping[str, str]) -> Problem:
    """What pydantic found, as one problem. `allowed` says by field name what it may hold.

    A list that is too long is a matter of size (413), everything else of content (400).
    """
    found = malformed(error)
    if found:
        return found
    errors = error.errors(include_url=False)
    too_long = [e for e in errors if e["type"] == "too_long"]
    if too_long:
        limit, name = too_long[0]["ctx"]["max_length"], dotted(too_long[0]["loc"])
        given = too_long[0]["ctx"]["actual_length"]
        message = f"{name} holds {given} entries; allowed: at most {limit} in one request."
        return Problem(413, "batch_too_large", message, f"Send several requests of at most {limit} entries.")
    findings = tuple(_finding(e, model, allowed) for e in errors)
    count = f"{len(findings)} field is" if len(findings) == 1 else f"{len(findings)} fields are"
    return Problem(400, "invalid_request", f"{count} not as declared.", SEE_DOCS, findings)
