"""The label as whole numbers: how many bits it gets, and which classes there are.

Belongs here: the choice of steps, checks of a label. Does not belong here: reading it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.indb.errors import InDatabaseError
from warehouse.client.dialect import POSTGRES

MOST_BITS, LEAST_BITS, SUM_BITS = 30, 16, 50
"""A label's largest size gets 30 bits, or fewer where weights are many: a sum of labels keeps within 50,
which leaves room in a bigint for scores that grow beyond the labels."""

FINEST = 200
MOST_CLASSES = 64
LARGEST = 1e90
"""A label's size; the leaves of a document may add up to 1e100."""


@dataclass(frozen=True)
class Label:
    """`bits`: a step is 2**-bits. `classes`: the values of a label of classes, `texts` what they are as text.
    A label of numbers, or of two classes, whose second counts as 1, is one target; one of more classes is a
    target of 0 and 1 for each. `weight_steps`: how many make a row's weight of 1.
    """

    bits: int
    classes: tuple[Any, ...] = ()
    texts: tuple[str, ...] = ()
    weight_steps: int = 1

    @property
    def targets(self) -> int:
        """How many targets there are."""
        return len(self.counted) or 1

    @property
    def counted(self) -> tuple[str, ...]:
        """The texts of the classes that have a target."""
        return self.texts[1:] if len(self.texts) == 2 else self.texts

    def sqls(self, y: str) -> list[str]:
        """The targets of the label that SQL names `y`, in steps, bigints."""
        if self.texts:
            hit = f"then {1 << self.bits} else 0 end"
            return [f"(case when {y}::text = {POSTGRES.text(text)} {hit})::bigint" for text in self.counted]
        value, number = f"{y}::float8", POSTGRES.number
        scaled = f"round({value} * {number(math.ldexp(1.0, self.bits))})"
        if self.bits < 0:  # a product that rounds to zero raises in Postgres
            scaled = f"case when abs({value}) < {number(self._half_step)} then 0 else {scaled} end"
        return [f"({scaled})::bigint"]

    def steps(self, texts_or_numbers: Any) -> np.ndarray:
        """The same of texts (classes) or doubles: (targets, rows) int64."""
        if self.texts:
            found = np.array(texts_or_numbers, dtype=object)
            return np.stack([(found == text).astype(np.int64) << self.bits for text in self.counted])
        y = np.asarray(texts_or_numbers, dtype=np.float64)
        return np.rint(np.ldexp(y, self.bits)).astype(np.int64)[None]

    @property
    def _half_step(self) -> float:
        return math.ldexp(1.0, -self.bits - 2)


def bits_for(weight: int, weight_name: str | None, weight_steps: int = 1) -> int:
    """Bits of a label's size, given the sum of all rows' weights in steps.

    Raises:
        InDatabaseError: too large a sum.
    """
    bits = min(MOST_BITS, SUM_BITS - weight.bit_length())
    if bits < LEAST_BITS:
        raise InDatabaseError(
            f"the weights{f' in column {weight_name!r}' if weight_name else ''} add up to {weight}"
            f"{f' steps of 1/{weight_steps}' if weight_steps > 1 else ''}, which leaves a label {bits} bits; "
            f"allowed: sums below 2**{SUM_BITS - LEAST_BITS}. Divide the weights"
            f"{', or declare fewer weight_steps' if weight_steps > 1 else ''}."
        )
    return bits


def number_label(name: str, low: float, high: float, bits: int) -> Label:
    """A label of numbers between `low` and `high`.

    Raises:
        InDatabaseError: it is infinite, too large, or the same in every row.
    """
    largest = max(abs(low), abs(high))
    if not largest <= LARGEST:
        raise InDatabaseError(
            f"label {name!r} reaches {largest!r} in size; allowed: finite numbers up to {LARGEST:g}. "
            "Leave those "
            "rows out, or scale it."
        )
    if low == high:
        raise InDatabaseError(
            f"label {name!r} is {low!r} in every row; allowed: at least two values. Widen the window."
        )
    return Label(min(bits - math.frexp(largest)[1], FINEST))


def class_label(name: str, values: Iterable[tuple[Any, str]], bits: int, objective: str) -> Label:
    """A label of classes, given with their texts: false before true, numbers by size, texts by bytes.

    Raises:
        InDatabaseError: another number of values than the objective has.
    """
    found = sorted(values, key=lambda one: one[1].encode() if isinstance(one[0], str) else one[0])
    fits = len(found) == 2 if objective == "binary" else 3 <= len(found) <= MOST_CLASSES
    if not fits:
        shown = ", ".join(text for _, text in found[:3]) + (", …" if len(found) > 3 else "")
        allowed = "two" if objective == "binary" else f"3 to {MOST_CLASSES}"
        raise InDatabaseError(
            f"label {name!r} has {_counted(len(found))} values in the training rows ({shown}); allowed for "
            f"objective {objective!r}: {allowed}. Choose another objective, or a window with all classes."
        )
    classes = tuple(value if isinstance(value, (bool, int, str)) else float(value) for value, _ in found)
    return Label(bits, classes, tuple(text for _, text in found))


def _counted(values: int) -> str:
    return str(values) if values <= MOST_CLASSES else f"more than {MOST_CLASSES}"
