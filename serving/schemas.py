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
    """One route: its model, whether it takes features or keys, and the bodies."""

    spec: ModelSpec
    by_key: bool
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


def _request(spec: ModelSpec, name: str, field: str, item: Any, text: str) -> type[Body]:
    entries = Annotated[list[item], Field(min_length=1, max_length=spec.serving.max_batch, description=text)]
    # pydantic takes either a base or a config; the base's own config is replaced by this class attribute.
    base = type("StrictBody", (Body,), {"model_config": STRICT, "__module__": __name__})
    return create_model(name, __base__=base, **{field: (entries, ...)})


def _answer(spec: ModelSpec, by_key: bool) -> type[bentoml.IODescriptor]:
    prefix = f"{camel(spec.name)}{'ByKey' if by_key else ''}"
    score = (
        f"Probability of {spec.label.column}, 0 to 1."
        if spec.is_classification
        else f"Expected value of {spec.label.column}."
    )
    fields: dict[str, Any] = {}
    if by_key:
        fields[spec.key_column] = (str, Field(..., description="The key as sent."))
    fields["margin"] = (
        float,
        Field(..., description="The sum before any exponential: the same 64 bits as SQL and Python give."),
    )
    fields["score"] = (float, Field(..., description=f"{score} The same 64 bits as in ml.prediction."))
    if spec.is_classification:
        text = "Whether the score reaches the version's threshold; decided on the margin."
        fields["is_positive"] = (bool, Field(..., description=text))
    prediction = create_model(f"{prefix}Prediction", **fields)
    top: dict[str, Any] = {
        "model": (str, Field(..., description="The declared model.")),
        "version": (int, Field(..., description="The champion's version in the registry.")),
        "artifact_sha256": (str, Field(..., description="SHA-256 of the model document that answered.")),
        "predictions": (list[prediction], Field(..., description="One for each entry, in the order sent.")),
    }
    return create_model(f"{prefix}Answer", __base__=bentoml.IODescriptor, **top)


def endpoints(spec: ModelSpec) -> tuple[Endpoint, Endpoint]:
    """The two routes of a model: by features, and by the key of its entity."""
    path, title = spec.serving.path or spec.name, camel(spec.name)
    limit = f"At most {spec.serving.max_batch} in one request."
    rows = _request(spec, f"{title}Rows", "rows", row_model(spec), f"Rows of features. {limit}")
    key_list = f"{spec.key_column}s"
    key = Annotated[str, Field(pattern=KEY_PATTERN)]
    keys = _request(spec, f"{title}Keys", key_list, key, f"Keys of {spec.entity}s in the warehouse. {limit}")
    allowed = {feature.name: ALLOWED[feature.kind] for feature in spec.features}
    entry = "an object with every declared feature"
    by_rows = {
        **allowed,
        "rows[]": entry,
        "rows": f"a list of 1 to {spec.serving.max_batch} entries, each {entry}",
    }
    entry = f"text of {KEY_ALLOWED}"
    by_keys = {
        f"{key_list}[]": entry,
        key_list: f"a list of 1 to {spec.serving.max_batch} keys, each {entry}",
    }
    verb = f"predict_by_{spec.entity}"
    return (
        Endpoint(
            spec, False, f"/{path}/predict", f"{spec.name}__predict", rows, _answer(spec, False), by_rows
        ),
        Endpoint(spec, True, f"/{path}/{verb}", f"{spec.name}__{verb}", keys, _answer(spec, True), by_keys),
    )
