"""The one conversion from feature columns to the data frame that a fitted object sees.

Training, batch scoring and the service all come through here, so that a value means the same to each:
numbers and booleans are float64 with NaN for null, categories are text objects with None for null, columns
in the order of the declaration.
Does not belong here: imputation, encoding, scaling (inside the fitted object), nor reading from the
warehouse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ml.spec_fields import Feature

ARROW_TYPES = {"number": pa.float64(), "boolean": pa.bool_(), "category": pa.string()}


class FeatureFrameError(ValueError):
    """The rows do not hold the declared features: names the feature, the value or type, and what is
    allowed.
    """


def arrow_schema(features: Iterable[Feature]) -> pa.Schema:
    """One nullable field a feature: float64, bool or string by kind."""
    return pa.schema([pa.field(feature.name, ARROW_TYPES[feature.kind]) for feature in features])


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    # Arrow refuses to cast int64 beyond 2**53 to float64 without loss, which is what we want to hear of.
    return column.cast(pa.float64()).to_numpy()


def _booleans(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.bool_()).cast(pa.uint8()).cast(pa.float64()).to_numpy()


def _categories(column: pa.ChunkedArray) -> pd.Series:
    import numpy as np
    import pandas as pd

    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    # One Python object a distinct value, not one a row: 336,776 rows of a carrier code share sixteen strings.
    values = np.array([*encoded.dictionary.to_pylist(), None], dtype=object)
    codes = pc.fill_null(encoded.indices, len(values) - 1).to_numpy(zero_copy_only=False)
    # Left to itself, pandas 3 would make its own text type of it, with NaN for null.
    return pd.Series(values[codes], dtype=object)


_CONVERT = {"number": _numbers, "boolean": _booleans, "category": _categories}


def to_frame(features: Sequence[Feature], table: pa.Table) -> pd.DataFrame:
    """A frame of shape (rows, features) in the order of `features`; other columns of the table are left out.

    Raises:
        FeatureFrameError: a declared feature is absent or its column cannot be read as its kind.
    """
    import pandas as pd

    columns = {}
    for feature in features:
        if feature.name not in table.column_names:
            have = ", ".join(table.column_names)
            raise FeatureFrameError(f"feature {feature.name!r} is missing from the rows; they hold: {have}.")
        column = table.column(feature.name)
        try:
            columns[feature.name] = _CONVERT[feature.kind](column)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            what = (
                f"feature {feature.name!r}: a column of type {column.type} cannot be read as {feature.kind}"
            )
            raise FeatureFrameError(f"{what}: {error}") from error
    return pd.DataFrame(columns, columns=[feature.name for feature in features])


def rows_to_table(features: Sequence[Feature], rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as dictionaries → an Arrow table with exactly the declared features. None is null; every feature
    must be given.

    Raises:
        FeatureFrameError: a row lacks a feature, has an undeclared one, or holds a value of another type.
    """
    names = {feature.name for feature in features}
    for index, row in enumerate(rows):
        if row.keys() != names:
            missing, unknown = sorted(names - row.keys()), sorted(row.keys() - names)
            what = f"row {index}: missing features {missing}, unknown features {unknown}"
            raise FeatureFrameError(f"{what}; allowed: exactly {sorted(names)}.")
    arrays = []
    for field in arrow_schema(features):
        try:
            arrays.append(pa.array([row[field.name] for row in rows], type=field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise FeatureFrameError(f"feature {field.name!r}: allowed type {field.type}: {error}") from error
    return pa.Table.from_arrays(arrays, schema=arrow_schema(features))
