"""scikit-learn's encoders of categories, of text or of numbers: one-hot, ordinal, target, and bins.

Where an encoder raises for an unknown category the document gives a missing number: one row then has no
answer instead of all of them. Belongs here: categories to numbers. Does not belong here: filling missing ones
(`imputing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml.document.build import Builder
from ml.document.importers.reading import is_none, numbers, plain, refused, same_count
from ml.document.schema import DocumentError


def _table(
    builder: Builder,
    x: str,
    pairs: Sequence[tuple[Any, float | None]],
    unknown: float | None,
    label: str | None = None,
) -> str:
    """The number of each category of a column; a missing one is a category where one of the pairs is."""
    missing = next((number for category, number in pairs if is_none(category)), unknown)
    known = [(_key(builder, x, category), number) for category, number in pairs if not is_none(category)]
    add = builder.lookup if builder.is_text(x) else builder.recode
    return add(x, known, unknown, missing, label)


def _key(builder: Builder, x: str, category: Any) -> Any:
    """A category as the document knows it: text in a text column, else a number."""
    is_text = isinstance(category, str)
    if is_text != builder.is_text(x):
        raise DocumentError(
            f"column {x!r} is {'text' if builder.is_text(x) else 'a number'}, and its encoder knows the "
            f"category {plain([category])[0]!r}. Declare the feature as the kind it was fitted on."
        )
    return category if is_text else float(category)


def _groups(encoder: Any, place: int) -> tuple[list[list[Any]], list[Any] | None]:
    """The categories of one column as the encoder counts them, and the shared group of infrequent ones,
    which is the last.
    """
    categories = list(encoder.categories_[place])
    if sum(map(is_none, categories)) > 1:
        raise refused(encoder, "its categories", categories, "one kind of missing value, None or NaN")
    shared = getattr(encoder, "infrequent_categories_", None)
    if shared is None or shared[place] is None:
        return [[category] for category in categories], None
    infrequent = list(shared[place])
    frequent = [[category] for category in categories if not _among(category, infrequent)]
    return [*frequent, infrequent], infrequent


def _among(category: Any, group: Sequence[Any]) -> bool:
    return any(category == other or (is_none(category) and is_none(other)) for other in group)


def _one_hot(builder: Builder, encoder: Any, columns: list[str]) -> list[str]:
    """A column of 0 and 1 for each category that is not dropped."""
    same_count(encoder, len(encoder.categories_), columns)
    given = []
    for place, x in enumerate(columns):
        groups, infrequent = _groups(encoder, place)
        dropped = None if encoder.drop_idx_ is None else encoder.drop_idx_[place]
        out = None if dropped is None else encoder.categories_[place][dropped]
        catches = encoder.handle_unknown in ("infrequent_if_exist", "warn")
        for group in groups:
            if dropped is None or not _among(out, group):
                unknown = float(catches and group is infrequent)
                shown = "infrequent" if group is infrequent else group[0]
                given.append(_indicator(builder, encoder, x, (groups, group), unknown, f"{x}__is_{shown}"))
    return given


def _indicator(
    builder: Builder, encoder: Any, x: str, parts: tuple[list[list[Any]], list[Any]], unknown: float,
    label: str,
) -> str:  # fmt: skip
    groups, chosen = parts
    if encoder.handle_unknown == "error":
        pairs = [(category, float(group is chosen)) for group in groups for category in group]
        return _table(builder, x, pairs, None, label)
    pairs = [(category, 1.0) for category in chosen]
    others = [(category, 0.0) for group in groups for category in group if group is not chosen]
    return _table(builder, x, pairs + (others if unknown else []), unknown, label)


def _ordinal(builder: Builder, encoder: Any, columns: list[str]) -> list[str]:
    """The position of the category; infrequent ones share the last. Missing is a category of its own to
    scikit-learn where it was NaN; None is one like the others, with a position.
    """
    same_count(encoder, len(encoder.categories_), columns)
    unknown = _number(encoder.unknown_value) if encoder.handle_unknown == "use_encoded_value" else None
    given = []
    for place, x in enumerate(columns):
        groups, _ = _groups(encoder, place)
        known = [group for group in groups if not _is_nan(group[0])]
        pairs: list[tuple[Any, float | None]] = [
            (category, float(code)) for code, group in enumerate(known) for category in group
        ]
        if len(known) < len(groups):
            pairs.append((None, _number(encoder.encoded_missing_value)))
        given.append(_table(builder, x, pairs, unknown))
    return given


def _is_nan(category: Any) -> bool:
    return isinstance(category, float) and category != category


def _number(value: Any) -> float | None:
    return None if is_none(value) else float(value)


def _target(builder: Builder, encoder: Any, columns: list[str]) -> list[str]:
    """The mean of the target in the category, of each class for several; for an unknown one its overall
    mean.
    """
    same_count(encoder, len(encoder.categories_), columns)
    classes = len(encoder.classes_) if encoder.target_type_ == "multiclass" else 1
    means = numbers(encoder.target_mean_)
    given = []
    for place, encoding in enumerate(encoder.encodings_):
        x, categories = columns[place // classes], encoder.categories_[place // classes]
        pairs = list(zip(categories, numbers(encoding), strict=True))
        given.append(_table(builder, x, pairs, means[place % classes]))
    return given


def _bins(builder: Builder, binner: Any, columns: list[str]) -> list[str]:
    """The bin that a number lies in, or a column of 0 and 1 for each bin. Missing stays missing."""
    same_count(binner, len(binner.bin_edges_), columns)
    codes = [
        builder.bucket(x, np.asarray(edges[1:-1], dtype=np.float64).tolist(), "right")
        for x, edges in zip(columns, binner.bin_edges_, strict=True)
    ]
    if binner.encode == "ordinal":
        return codes
    return [
        builder.recode(code, [(float(chosen), 1.0)], 0.0, None, f"{x}__is_bin_{chosen}")
        for x, code, count in zip(columns, codes, binner.n_bins_, strict=True)
        for chosen in range(int(count))
    ]


TRANSFORMERS = {
    "sklearn.OneHotEncoder": _one_hot,
    "sklearn.OrdinalEncoder": _ordinal,
    "sklearn.TargetEncoder": _target,
    "sklearn.KBinsDiscretizer": _bins,
}
