"""Errors of a model file, in one form: file, field, value received, what is allowed, next step.

Belongs here: SpecError and the wording of pydantic's findings. Does not belong here: the rules themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

NEXT_STEP = "Change the field and run the command again."


class SpecError(ValueError):
    """A model file cannot be used. The message names file, field, value and what is allowed."""


def not_allowed(value: Any, allowed: str | Iterable[Any], path: str = "") -> PydanticCustomError:
    """A finding of our own rules. `path` is relative to the object whose rule it is."""
    text = allowed if isinstance(allowed, str) else ", ".join(str(item) for item in allowed)
    context = {"value": repr(value), "allowed": text, "path": path}
    return PydanticCustomError("not_allowed", "value {value}; allowed: {allowed}", context)


def _dotted(location: Iterable[Any], suffix: str = "") -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    if suffix:
        path = f"{path}.{suffix}" if path else suffix
    return path or "(the whole file)"


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


def _fields_at(root: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    model: type[BaseModel] | None = root
    for part in location:
        if model is not None and isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation)
    return sorted(model.model_fields) if model is not None else []


def _describe(finding: dict[str, Any], root: type[BaseModel]) -> str:
    location, kind, context = finding["loc"], finding["type"], finding.get("ctx") or {}
    if kind == "not_allowed":
        field = _dotted(location, context["path"])
        return f"field {field}: value {context['value']}; allowed: {context['allowed']}"
    if kind == "extra_forbidden":
        allowed = ", ".join(_fields_at(root, location[:-1]))
        what = f"field {_dotted(location)}: unknown field with value {finding['input']!r}"
        return f"{what}; allowed fields: {allowed}"
    if kind == "missing":
        return f"field {_dotted(location)}: missing; it must be given"
    allowed = context.get("expected") or context.get("pattern") or finding["msg"]
    return f"field {_dotted(location)}: value {finding['input']!r}; allowed: {allowed}"


def explain(path: Path, error: ValidationError, root: type[BaseModel]) -> str:
    """The findings of one file as text, one line a finding."""
    lines = [f"{path}: {_describe(finding, root)}." for finding in error.errors(include_url=False)]
    return "\n".join([*lines, NEXT_STEP])
