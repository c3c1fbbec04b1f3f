"""From a fitted estimator to a model document.

`import_estimator` walks a pipeline: each step's importer adds nodes for its columns, the last one's gives the
margins. An estimator without an importer is refused by name before anything is made of it.

Belongs here: the walk and the registry of importers, by library and class. Does not belong here: what a class
comes to, which stands in the module of its family.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from ml.document.build import Builder
from ml.document.heads import cut_of
from ml.document.importers import families
from ml.document.importers.reading import same_count
from ml.document.schema import Document, DocumentError, Head, Input

Transformer = Callable[[Builder, Any, list[str]], list[str]]
"""Adds nodes for what a fitted transformer does to the columns named; returns the columns it gives."""

Model = Callable[[Builder, Any, list[str]], tuple[list[str], Head]]
"""Adds nodes for a fitted model over the columns named; returns its margins and head."""


def import_estimator(
    estimator: Any, inputs: Sequence[Input], name: str, *, threshold: float | None = None
) -> Document:
    """The document of a fitted estimator or pipeline whose columns are `inputs`, in this order.

    `threshold` is the score from which a case of a binary classifier counts as positive; None is the
    estimator's own decision.

    Raises:
        DocumentError: a step, or an option of one, has no counterpart in a document; names it.
    """
    builder = Builder(name)
    columns = [builder.input(item.name, item.kind) for item in inputs]
    margins, head = model_of(builder, estimator, columns)
    if threshold is not None:
        head = _with_threshold(head, threshold)
    order = [item.name for item in inputs]
    return builder.document(margins, head, source_of(estimator), order)


def class_name(estimator: Any) -> str:
    """`sklearn.LogisticRegression`: library and class, the key of the registries."""
    return f"{type(estimator).__module__.split('.')[0]}.{type(estimator).__name__}"


def transformer_of(builder: Builder, transformer: Any, columns: list[str]) -> list[str]:
    """Nodes of a fitted transformer; "passthrough" and "drop" as scikit-learn means them."""
    if transformer is None or transformer == "passthrough":
        return columns
    if transformer == "drop":
        return []
    if class_name(transformer) == "sklearn.Pipeline":
        for _, step in transformer.steps:
            columns = transformer_of(builder, step, columns)
        return columns
    if class_name(transformer) == "sklearn.ColumnTransformer":
        return _column_transformer(builder, transformer, columns)
    return _found(families.TRANSFORMERS, transformer, "transformer")(builder, transformer, columns)


def model_of(builder: Builder, estimator: Any, columns: list[str]) -> tuple[list[str], Head]:
    """Margins and head of a fitted model, or of a pipeline that ends in one."""
    if class_name(estimator) == "sklearn.Pipeline":
        for _, step in estimator.steps[:-1]:
            columns = transformer_of(builder, step, columns)
        return model_of(builder, estimator.steps[-1][1], columns)
    return _found(families.MODELS, estimator, "model")(builder, estimator, columns)


def source_of(estimator: Any) -> dict[str, str]:
    """Class and version of the last step, for people."""
    last = estimator.steps[-1][1] if class_name(estimator) == "sklearn.Pipeline" else estimator
    library, kind = class_name(last).split(".")
    # The module says its version, whatever the distribution that brought it is called (xgboost-cpu).
    version = str(importlib.import_module(library).__version__)
    return {
        "estimator": kind,
        "library": {"sklearn": "scikit-learn"}.get(library, library),
        "library_version": version,
    }


def _found(registry: dict[str, Any], estimator: Any, role: str) -> Any:
    name = class_name(estimator)
    if name not in registry:
        raise DocumentError(
            f"{role} {name} has no importer; allowed: {', '.join(sorted(registry))}. "
            "Use one of these, or write its importer in ml/document/importers."
        )
    return registry[name]


def _column_transformer(builder: Builder, transformer: Any, columns: list[str]) -> list[str]:
    """Each part's columns behind one another, in the order of the fitted transformer; the rest as it says."""
    names = list(getattr(transformer, "feature_names_in_", columns))
    same_count(transformer, int(transformer.n_features_in_), columns)
    given: list[str] = []
    for _, part, chosen in transformer.transformers_:
        listed = _listed(chosen, len(names))
        places = [names.index(one) if isinstance(one, str) else int(one) for one in listed]
        if places:  # a part without columns was never fitted
            given += transformer_of(builder, part, [columns[place] for place in places])
    return given


def _listed(chosen: Any, count: int) -> list[Any]:
    if isinstance(chosen, (str, int)):
        return [chosen]
    if isinstance(chosen, slice):
        return list(range(count))[chosen]
    values = list(chosen)
    if values and all(isinstance(value, bool) or type(value).__name__ == "bool" for value in values):
        return [place for place, value in enumerate(values) if value]
    return values


def _with_threshold(head: Head, threshold: float) -> Head:
    if head.kind == "sigmoid" and 0.0 < threshold < 1.0:
        return Head(head.kind, head.classes, cut_of(threshold))
    if head.kind in ("probability", "margin") and len(head.classes) == 2:
        return Head(head.kind, head.classes, float(threshold))
    raise DocumentError(
        f"threshold {threshold!r} for head {head.kind} with {len(head.classes)} classes; allowed: a number "
        "between 0 and 1 for a binary classifier."
    )
