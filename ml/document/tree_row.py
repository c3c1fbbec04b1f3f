"""One row through a large forest, by LightGBM's own call for a single row.

Belongs here: that call. Does not belong here: smaller ensembles, which Python's interpreter walks quicker
(`ops.tree_code`), many rows (`tree_engine`).

A fully grown forest is larger than the processor's caches, so each step to another node waits for memory. As
tuples of Python a step touches more places than in LightGBM's arrays, and an interpreter comes between.
Measured on rows that differ, a row: 25 trees of 25,000 nodes 11 µs against 48, 126 trees of 5,000 nodes 32
against 252. LightGBM compares doubles and adds leaves from the left, as in `tree_engine`.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any

from ml.document.ops.missing import ZERO
from ml.document.tree_text import Slot, plan_of

RAW_SCORE, FLOAT64 = 1, 1
"""Of LightGBM's C interface: C_API_PREDICT_RAW_SCORE, C_API_DTYPE_FLOAT64."""


def single_row(node: Any, walked: Callable[[], Callable[..., float]]) -> Callable[..., float] | None:
    """The sum of a `trees` node for one row, before it is divided; None where LightGBM cannot say what the
    node says, or has no such call. `walked` makes the function for rows with sizes that LightGBM takes for
    zero where a threshold lies among them.
    """
    predict = _predictor(node)
    if predict is None:
        return None
    call, slots = predict
    read = [_reader(slot) for slot in slots]
    zeros = tuple(slot.operand for slot in slots if slot.splits_zero)
    kept: list[Callable[..., float]] = []

    def total(*xs: float) -> float:
        for place in zeros:
            if -ZERO <= xs[place] <= ZERO and xs[place]:
                if not kept:
                    kept.append(walked())
                return kept[0](*xs)
        return call([value(xs) for value in read])

    return total


def _reader(slot: Slot) -> Callable[[tuple[float, ...]], float]:
    """What a slot reads of a row: an operand, or the position of its category."""
    operand = slot.operand
    if slot.codes is None:
        return lambda xs: xs[operand]
    places = {code: float(place) for place, code in enumerate(slot.codes.tolist())}
    missing, other = float(len(places)), float(len(places) + 1)
    return lambda xs: missing if math.isnan(xs[operand]) else places.get(xs[operand], other)


def _predictor(node: Any) -> tuple[Callable[[list[float]], float], tuple[Slot, ...]] | None:
    try:
        import lightgbm
        from lightgbm.basic import _LIB as library

        begin, run = (
            library.LGBM_BoosterPredictForMatSingleRowFastInit,
            library.LGBM_BoosterPredictForMatSingleRowFast,
        )
    except (ImportError, AttributeError):
        return None
    plan = plan_of(node)
    if plan is None:
        return None
    booster = lightgbm.Booster(model_str=plan.text)
    count, config = len(plan.slots), ctypes.c_void_p()
    if begin(
        booster._handle, ctypes.c_int(RAW_SCORE), ctypes.c_int(0), ctypes.c_int(-1), ctypes.c_int(FLOAT64),
        ctypes.c_int32(count), ctypes.c_char_p(b"num_threads=1"), ctypes.byref(config),
    ):  # fmt: skip
        return None
    return _Call(booster, config, run, library.LGBM_FastConfigFree, count), plan.slots


class _Call:
    """The call with what it needs. Several threads may call at once: each has buffers of its own, and
    LightGBM locks its side.
    """

    def __init__(self, booster: Any, config: Any, run: Any, free: Any, count: int) -> None:
        self._booster, self._config, self._run, self._free = booster, config, run, free
        self._row = ctypes.c_double * count

    def __call__(self, values: list[float]) -> float:
        length, result = ctypes.c_int64(), ctypes.c_double()
        row = self._row(*values)
        if self._run(self._config, row, ctypes.byref(length), ctypes.byref(result)):
            raise RuntimeError("LightGBM refused a row that its model takes.")
        return result.value

    def __del__(self) -> None:
        self._free(self._config)
