"""The feature tables of a declaration: at the grain of the model's entity, or of a dimension.

A table at the entity's grain is found by the entity's key. One at a dimension's grain (`key:` in the model
file) is found by a column of the label's fact: `key: aircraft_key` takes what is known of the flight's
aircraft. The surrogate key of a dimension with history (type 2) names one version of it, so its features are
as they were at the event. A natural key names whatever stands in the table today; then the table's
`known_at` must say since when, and a row known after its prediction stops the training set. In both cases the
fact's column must itself be known at the prediction: no declaration can tell.

Belongs here: which table is found how. Does not belong here: the query (`ml.feature_query`), or checks that
need the warehouse (`ml.training_checks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ml.spec_errors import not_allowed

if TYPE_CHECKING:
    from ml.spec import ModelSpec
    from ml.spec_fields import Feature


def entity_tables(spec: ModelSpec) -> tuple[str, ...]:
    """`schema.table` of every table at the entity's grain, in the order of first use."""
    return tuple(dict.fromkeys(one.table for one in spec.features if one.key is None))


def keyed_tables(spec: ModelSpec) -> dict[str, str]:
    """By `schema.table` of every table at a dimension's grain, the key, in the order of first use."""
    return {one.table: one.key for one in spec.features if one.key is not None}


def check_keys(features: Sequence[Feature], key_column: str) -> None:
    """Raise (as pydantic's custom error) where a table has two keys, or no table is at the entity's grain."""
    if all(one.key is not None for one in features):
        raise not_allowed(features[0].key, "at least one feature without a key", "features[0].key")
    keys = {one.table: one.key for one in reversed(features)}
    for index, one in enumerate(features):
        if one.key == key_column:
            raise not_allowed(one.key, "no key: the entity's is the default", f"features[{index}].key")
        if one.key != keys[one.table]:
            allowed = f"one key a table, {keys[one.table]!r} for {one.table}"
            raise not_allowed(one.key, allowed, f"features[{index}].key")
