"""The shape of a model's requests and answers, generated from its declaration.

Belongs here: the strict row of features, the two request bodies, the answers. Does not belong here:
reading a request
(`serving.front`) and wording its errors (`serving.problems`).

Strict means: a number is a finite JSON number (no text, no true/false), a category is text, a boolean is
true or false; an
undeclared field is refused; every declared field must be given. `null` stands for "not known": all fitted
models take it, by
what they learned about missing values in training. A category that training never saw is accepted and
scored as such; it is
never an error, because new carriers and destinations are a fact of life.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import bentoml
from pydantic import ConfigDict, Field, create_model

if TYPE_CHECKING:
    from starlette.requests import Request

    from ml.spec import ModelSpec

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
TYPES: dict[str, Any] = {"number": float, "category": str, "boolean": bool}
ALLOWED = {
    "number": "a finite number, or null where it is not known",
    "category": "text, or null where it is not known; text unknown to training counts as an unseen category",
    "boolean": "true or false, or null where it is not known",
}
KEY_PATTERN = r"^[A-Za-z0-9_.:-]{1,128}$"
KEY_ALLOWED = "1 to 128 letters, digits or _ . : -"
MAX_EXPLAINED = 100
"""Entries of one request for explanations: each takes milliseconds where a prediction takes microseconds."""
MARGIN = "The sum before any exponential: the same 64 bits as SQL and Python give."
INPUT = "starhouse.input"
"""Where in the ASGI scope the front leaves the validated body, so that it is parsed once."""


class Body(bentoml.IODescriptor):
    """A request body that the front has already read and validated."""

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Body:
        """The validated body; parsed here only where the service runs without its front."""
        found = request.scope.get(INPUT)
        return found if isinstance(found, cls) else await super().from_http_request(request, serde)


@dataclass(frozen=True)
class Endpoint:
    """One route: its model, whether it takes features or keys, whether it explains, and the bodies."""

    spec: ModelSpec
    by_key: bool
    explains: bool
    route: str
    name: str
    request: type[Body]
    answer: type[bentoml.IODescriptor]
    allowed: dict[str, str]
    """By field name, what it may hold, in words."""

    @property
    def list_field(self) -> str:
        return f"{self.spec.key_column}s" if self.by_key else "rows"


def camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def row_model(spec: ModelSpec) -> Any:
    """A pydantic model of one row of features, in the order of the declaration."""
    fields: dict[str, Any] = {}
    for feature in spec.features:
        text = " ".join(
            part for part in (feature.description, f"{ALLOWED[feature.kind]}.".capitalize()) if part
        )
        fields[feature.name] = (TYPES[feature.kind] | None, Field(..., description=text))
    return create_model(f"{camel(spec.name)}Row", __config__=STRICT, **fields)


def _request(name: str, field: str, item: Any, text: str, limit: int) -> type[Body]:
    entries = Annotated[list[item], Field(min_length=1, max_length=limit, description=text)]
    # pydantic takes either a base or a config; the base's own config is replaced by this class attribute.
    base = type("StrictBody", (Body,), {"model_config": STRICT, "__module__": __name__})
    return create_model(name, __base__=base, **{field: (entries, ...)})


def _answer(spec: ModelSpec, by_key: bool, explains: bool) -> type[bentoml.IODescriptor]:
    prefix = f"{camel(spec.name)}{'ByKey' if by_key else ''}"
    fields: dict[str, Any] = {}
    if by_key:
        fields[spec.key_column] = (str, Field(..., description="The key as sent."))
    fields |= _explanation(spec, prefix) if explains else _prediction(spec)
    kind, several = ("Explanation", "explanations") if explains else ("Prediction", "predictions")
    entry = create_model(f"{prefix}{kind}", **fields)
    top: dict[str, Any] = {
        "model": (str, Field(..., description="The declared model.")),
        "version": (int, Field(..., description="The champion's version in the registry.")),
        "artifact_sha256": (str, Field(..., description="SHA-256 of the model document that answered.")),
        several: (list[entry], Field(..., description="One for each entry, in the order sent.")),
    }
    name = f"{prefix}{kind}Answer" if explains else f"{prefix}Answer"
    return create_model(name, __base__=bentoml.IODescriptor, **top)


def _prediction(spec: ModelSpec) -> dict[str, Any]:
    score = (
        f"Probability of {spec.label.column}, 0 to 1."
        if spec.is_classification
        else f"Expected value of {spec.label.column}."
    )
    fields: dict[str, Any] = {
        "margin": (float, Field(..., description=MARGIN)),
        "score": (float, Field(..., description=f"{score} The same 64 bits as in ml.prediction.")),
    }
    if spec.is_classification:
        text = "Whether the score reaches the version's threshold; decided on the margin."
        fields["is_positive"] = (bool, Field(..., description=text))
    return fields


def _explanation(spec: ModelSpec, prefix: str) -> dict[str, Any]:
    parts = {
        feature.name: (float, Field(..., description=f"What {feature.name} adds to the margin."))
        for feature in spec.features
    }
    contributions = create_model(f"{prefix}Contributions", **parts)
    return {
        "margin": (float, Field(..., description=MARGIN)),
        "base": (float, Field(..., description="The margin before any feature is known.")),
        "contributions": (
            contributions,
            Field(..., description="By feature; base and contributions add up to the margin."),
        ),
    }


def endpoints(spec: ModelSpec) -> tuple[Endpoint, ...]:
    """The routes of a model: a prediction, or why it came out so; by features, or by its entity's key."""
    return tuple(
        _by_key(spec, explains) if by_key else _by_features(spec, explains)
        for explains in (False, True)
        for by_key in (False, True)
    )


def _limit(spec: ModelSpec, explains: bool) -> int:
    return min(spec.serving.max_batch, MAX_EXPLAINED) if explains else spec.serving.max_batch


def _by_features(spec: ModelSpec, explains: bool) -> Endpoint:
    limit, verb = _limit(spec, explains), "explain" if explains else "predict"
    title = f"{camel(spec.name)}{'Explained' if explains else ''}Rows"
    text = f"Rows of features. At most {limit} in one request."
    body = _request(title, "rows", row_model(spec), text, limit)
    entry = "an object with every declared feature"
    allowed = {feature.name: ALLOWED[feature.kind] for feature in spec.features}
    allowed |= {"rows[]": entry, "rows": f"a list of 1 to {limit} entries, each {entry}"}
    return _endpoint(spec, False, explains, verb, body, allowed)


def _by_key(spec: ModelSpec, explains: bool) -> Endpoint:
    limit, verb = _limit(spec, explains), f"{'explain' if explains else 'predict'}_by_{spec.entity}"
    listed = f"{spec.key_column}s"
    title = f"{camel(spec.name)}{'Explained' if explains else ''}Keys"
    text = f"Keys of {spec.entity}s in the warehouse. At most {limit} in one request."
    body = _request(title, listed, Annotated[str, Field(pattern=KEY_PATTERN)], text, limit)
    entry = f"text of {KEY_ALLOWED}"
    allowed = {f"{listed}[]": entry, listed: f"a list of 1 to {limit} keys, each {entry}"}
    return _endpoint(spec, True, explains, verb, body, allowed)


def _endpoint(
    spec: ModelSpec, by_key: bool, explains: bool, verb: str, body: type[Body], allowed: dict[str, str]
) -> Endpoint:
    return Endpoint(
        spec=spec,
        by_key=by_key,
        explains=explains,
        route=f"/{spec.endpoint}/{verb}",
        name=f"{spec.name}__{verb}",
        request=body,
        answer=_answer(spec, by_key, explains),
        allowed=allowed,
    )
