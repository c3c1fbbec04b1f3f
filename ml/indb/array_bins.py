"""Bins of features that lie in memory as arrays, and their codes: the same as the warehouse cuts.

Belongs here: one feature's column as NumPy or Arrow has it. Does not belong here: how columns arrive
(`ml.indb.exported_rows`), what bins are (`ml.indb.bins`), the same by SQL (`ml.indb.feature_bins`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.indb.bins import MISSING, Bins, category_bins, number_bins, quantile, refuse_infinite, shares

if TYPE_CHECKING:
    import pyarrow as pa


def binned_numbers(
    name: str, kind: str, x: np.ndarray, is_training: np.ndarray | None, most: int
) -> tuple[Bins, np.ndarray]:
    """Bins cut on the training rows (all, without `is_training`) of doubles (rows,), NaN for missing, and all
    rows' codes (rows,) int16.

    Raises:
        InDatabaseError: the feature is infinite in some training rows, constant or missing in all.
    """
    seen = x if is_training is None else x[is_training]
    ordered = np.sort(seen)  # NaN stands last
    known = ordered[: len(ordered) - int(np.isnan(seen).sum())]
    if len(known) and not (np.isfinite(known[0]) and np.isfinite(known[-1])):
        refuse_infinite(name)
    has_missing = len(known) < len(seen)
    rises = np.flatnonzero(known[1:] != known[:-1])
    if len(rises) < most:
        distinct = known[np.append(rises, len(known) - 1)].tolist() if len(known) else []
        one = number_bins(name, kind, distinct, [], 0.0, has_missing)
    else:
        cuts = [float(quantile(known, share)) for share in shares(most)]
        one = number_bins(name, kind, None, cuts, float(known[-1]), has_missing)
    return one, one.codes(x)


def binned_texts(
    name: str, column: pa.ChunkedArray, is_training: np.ndarray | None
) -> tuple[Bins, np.ndarray]:
    """The same of texts (rows,), null for missing.

    Raises:
        InDatabaseError: the category is constant, missing in all, or has too many values.
    """
    encoded = column.combine_chunks().dictionary_encode()
    places = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
    texts = encoded.dictionary.to_pylist()
    seen = np.bincount(places if is_training is None else places[is_training], minlength=len(texts) + 1) > 0
    one = category_bins(name, [text for text, is_ in zip(texts, seen, strict=False) if is_], bool(seen[-1]))
    codes = np.append(one.codes(texts), np.int16(MISSING))
    return one, codes[places]
