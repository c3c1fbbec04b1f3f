"""Golden rows: inputs with the margins a document gave when it was stored, to find a changed evaluator.

Belongs here: making them, and reading them back. Does not belong here: where they are kept (the registry), or
the comparison (`ml.document.parity`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.adversarial import adversarial_rows, random_rows, table_of
from ml.document.evaluate import Evaluator
from ml.document.schema import DocumentError

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.document.schema import Document

SPECIAL_SHARE = 0.25


def golden_rows(
    document: Document, sample: pa.Table | None = None, rows: int = 200, seed: int = 0
) -> list[dict[str, Any]]:
    """`rows` rows as JSON takes them: `inputs` by name (numbers in hex, None for missing), `margins` in hex.

    A quarter are adversarial, the others random, drawn from `sample` where there is one.

    Raises:
        DocumentError: the sample lacks an input.
    """
    import pyarrow as pa

    special = adversarial_rows(document, seed, sample=sample)
    count = min(int(rows * SPECIAL_SHARE), special.num_rows)
    places = np.random.default_rng([seed, 2]).choice(special.num_rows, count, replace=False)
    ordinary = random_rows(document, sample, rows - count, seed)
    table = pa.concat_tables([ordinary, special.take(pa.array(places))])
    margins = Evaluator(document).table(table).margins
    return [
        {"inputs": {n: _written(value) for n, value in row.items()}, "margins": [m.hex() for m in found]}
        for row, found in zip(table.to_pylist(), margins.tolist(), strict=True)
    ]


def golden_table(document: Document, golden: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The inputs of golden rows as an Arrow table.

    Raises:
        DocumentError: a row lacks an input, or holds what is no golden row.
    """
    numbers = {item.name for item in document.inputs if item.kind == "number"}
    try:
        columns = {
            name: [_read(row["inputs"][name], name in numbers) for row in golden]
            for name in document.input_names
        }
    except (KeyError, TypeError, ValueError) as error:
        raise _foreign(error) from error
    return table_of(document, columns)


def golden_margins(document: Document, golden: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """The stored margins, (rows, k).

    Raises:
        DocumentError: a row has another number of margins.
    """
    width = len(document.margins)
    try:
        margins = [[float.fromhex(text) for text in row["margins"]] for row in golden]
        return np.array(margins, dtype=np.float64).reshape(len(margins), width)
    except (KeyError, TypeError, ValueError) as error:
        raise _foreign(error) from error


def _written(value: Any) -> Any:
    return value.hex() if isinstance(value, float) else value


def _read(value: Any, is_number: bool) -> Any:
    return float.fromhex(value) if is_number and value is not None else value


def _foreign(error: Exception) -> DocumentError:
    return DocumentError(
        f"the golden rows do not fit the document: {error!r}; allowed: rows that golden_rows made of a "
        "document with these inputs and margins. Store them anew with the version."
    )
