"""The OpenAPI description of the service: the server's own, with our examples, answers and errors put in.

Belongs here: what /docs.json says. Does not belong here: the request models it describes (`serving.schemas`).
Examples are real: a row of the model's features as the warehouse holds it, and the champion's answer to it.
Without a champion there is no example, rather than an invented one.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serving.champions import Champion
    from serving.schemas import Endpoint

REFERENCE = "#/components/schemas/{model}"
ERRORS = {
    400: "The body is not JSON, or a field is missing, unknown, of another type, or not a finite number.",
    404: "A key that is not in the warehouse; every such key is named.",
    405: "Another method than POST.",
    408: "The body came too slowly.",
    413: "The body or the number of entries is too large.",
    415: "The body is not plain application/json.",
    422: "The champion's margin is no sum over features, so it cannot be explained.",
    429: "Too many requests at once.",
    500: "The service failed; the log has the request id.",
    503: "The model has no usable champion, or the warehouse does not answer.",
    504: "No answer in time.",
}
ERROR_SCHEMA = {
    "title": "Problem",
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "next_step", "request_id", "problem_count", "problems"],
            "properties": {
                "code": {"type": "string", "description": "Stable, for programs."},
                "message": {"type": "string", "description": "For people."},
                "next_step": {"type": "string"},
                "request_id": {"type": "string", "description": "Also in the header X-Request-ID."},
                "problem_count": {"type": "integer"},
                "problems": {
                    "type": "array",
                    "description": "The wrong fields, at most 20 of them.",
                    "items": {
                        "type": "object",
                        "required": ["field", "value", "allowed"],
                        "properties": {name: {"type": "string"} for name in ("field", "value", "allowed")},
                    },
                },
            },
        }
    },
}


@dataclass(frozen=True)
class Document:
    """What the server asks of a specification: `asdict()`."""

    content: dict[str, Any]

    def asdict(self) -> dict[str, Any]:
        return self.content


def described(base: dict[str, Any], endpoints: dict[str, Endpoint], loaded: dict[str, Champion]) -> Document:
    """The whole description. `base` is the server's own, whose operational paths are kept."""
    schemas: dict[str, Any] = {"Problem": ERROR_SCHEMA}
    ours = {
        route: {"post": _operation(endpoint, loaded.get(endpoint.spec.name), schemas)}
        for route, endpoint in endpoints.items()
    }
    paths = {path: item for path, item in base["paths"].items() if path not in endpoints}
    for path in paths.values():
        for operation in path.values():
            operation["tags"] = ["Operation"]
    info = {
        "title": "Starhouse",
        "version": version("starhouse"),
        "description": "Predictions of the champions of every declared model. "
        "By features: send rows. By key: send keys, the features are read from the warehouse as they were "
        "known at prediction time. An answer names the version and the artifact it comes from.",
    }
    tags = [{"name": name, "description": text} for name, text in _tags(endpoints).items()]
    tags.append({"name": "Operation", "description": "Health, readiness and metrics."})
    return Document(
        {
            "openapi": base["openapi"],
            "info": info,
            "servers": base.get("servers", [{"url": "."}]),
            "tags": tags,
            "paths": {**ours, **paths},
            "components": {"schemas": schemas},
        }
    )


def _tags(endpoints: dict[str, Endpoint]) -> dict[str, str]:
    return {endpoint.spec.name: endpoint.spec.description for endpoint in endpoints.values()}


def _schema_of(model: Any, schemas: dict[str, Any]) -> dict[str, str]:
    """Puts the model and what it refers to among the components; returns the reference."""
    schema = model.model_json_schema(ref_template=REFERENCE)
    schemas.update({name: _nullable(part) for name, part in schema.pop("$defs", {}).items()})
    schemas[model.__name__] = _nullable(schema)
    return {"$ref": REFERENCE.format(model=model.__name__)}


def _nullable(schema: Any) -> Any:
    """OpenAPI 3.0 has no null type: `anyOf [X, null]` becomes X with nullable."""
    if isinstance(schema, list):
        return [_nullable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    options = schema.get("anyOf", [])
    if {"type": "null"} in options:
        rest = [option for option in options if option != {"type": "null"}]
        others = {name: value for name, value in schema.items() if name != "anyOf"}
        return {**_nullable(rest[0]), **_nullable(others), "nullable": True}
    return {name: _nullable(value) for name, value in schema.items()}


def request_example(endpoint: Endpoint, champion: Champion | None) -> dict[str, Any] | None:
    """A body that the endpoint answers with 200, of real data."""
    if champion is None or champion.example is None:
        return None
    return {endpoint.list_field: [champion.example_key if endpoint.by_key else champion.example]}


def answer_example(endpoint: Endpoint, champion: Champion | None) -> dict[str, Any] | None:
    """The champion's own answer to `request_example`."""
    from serving.engine import answer, entries

    if champion is None or champion.example is None:
        return None
    found = entries(champion, endpoint, [champion.example])
    if endpoint.by_key:
        found = [{endpoint.spec.key_column: champion.example_key, **one} for one in found]
    return answer(champion, endpoint, found)


def _content(reference: dict[str, str], example: dict[str, Any] | None) -> dict[str, Any]:
    return {"application/json": {"schema": reference, **({"example": example} if example else {})}}


def _operation(endpoint: Endpoint, champion: Champion | None, schemas: dict[str, Any]) -> dict[str, Any]:
    spec = endpoint.spec
    how = f"by {spec.key_column}, features read from the warehouse" if endpoint.by_key else "by features"
    how = f"explained {how}" if endpoint.explains else how
    problem = {"application/json": {"schema": {"$ref": REFERENCE.format(model="Problem")}}}
    answers: dict[str, Any] = {
        "200": {
            "description": "One answer for each entry, in the order sent.",
            "content": _content(_schema_of(endpoint.answer, schemas), answer_example(endpoint, champion)),
        }
    }
    for status, text in ERRORS.items():
        if (status != 404 or endpoint.by_key) and (status != 422 or endpoint.explains):
            answers[str(status)] = {"description": text, "content": problem}
    return {
        "tags": [spec.name],
        "summary": f"{spec.name} {how}",
        "description": f"{spec.description} Prediction point: {spec.prediction_point}",
        "operationId": endpoint.name,
        "x-bentoml-name": endpoint.name,
        "requestBody": {
            "required": True,
            "content": _content(_schema_of(endpoint.request, schemas), request_example(endpoint, champion)),
        },
        "responses": answers,
    }
