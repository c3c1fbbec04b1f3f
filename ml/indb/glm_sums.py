"""The sums of one pass (`ml.indb.glm_pass`), and how they are read from its answer.

Belongs here: the value, texts to matrices. Does not belong here: the statement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ml.indb.glm_terms import GlmTerms

Blocks = list[tuple[int, int]]
"""Pairs of predictors, of which the information has a block each."""


@dataclass(frozen=True)
class Sums:
    """At some coefficients (M, P): `kernel`, the log-likelihood up to a constant; `gradient` (M, P);
    `information` (M, P, M, P); `peak` of the family's sizes; `is_over` where a line went beyond them.
    """

    kernel: float
    gradient: np.ndarray
    information: np.ndarray
    peak: float
    is_over: bool


def read_sums(
    rows: list[dict[str, Any]], factors: dict[str, float], wanted: Blocks, terms: GlmTerms, margins: int
) -> Sums:
    """Of the rows that the statement gave; `factors` are its steps in a unit by kind of sum."""
    parts = sorted((row for row in rows if row["part"] == "number"), key=lambda row: row["place"])
    texts = iter([text or "0" for row in parts for text in row["sums"]])
    count = terms.count
    gradient, blocks = np.zeros((margins, count)), {block: np.zeros((count, count)) for block in wanted}
    kernel = int(next(texts)) / factors["l"]
    places = (0, *terms.axes)
    for m in range(margins):
        for place in places:
            gradient[m, place] = int(next(texts)) / factors["r"]
    for block in wanted:
        for i, one in enumerate(places):
            for two in places[i:] if i else places:
                value = int(next(texts)) / factors["w"]
                blocks[block][one, two] = blocks[block][two, one] = value
    for row in rows:
        if row["part"] == "level":
            _read_level(row, gradient, blocks, factors, terms)
        elif row["part"] == "pair":
            _read_pair(row, blocks, factors, terms)
    information = np.zeros((margins, count, margins, count))
    for (m, k), block in blocks.items():
        information[m, :, k, :] = information[k, :, m, :] = block
    peaks = [row["peak"] for row in parts if row["peak"] is not None]
    return Sums(
        kernel, gradient, information, max(peaks, default=math.nan), any(row["over"] for row in parts)
    )


def _read_level(
    row: dict[str, Any],
    gradient: np.ndarray,
    blocks: dict[Any, np.ndarray],
    factors: dict[str, float],
    terms: GlmTerms,
) -> None:
    place = terms.levels[row["place"]][row["one"] - 1]
    if place is None:
        return
    texts = iter(row["sums"])
    for m in range(len(gradient)):
        gradient[m, place] = int(next(texts)) / factors["r"]
    for block in blocks:
        weight = int(next(texts)) / factors["w"]
        blocks[block][place, place] = blocks[block][0, place] = blocks[block][place, 0] = weight
        for axis in terms.axes:
            value = int(next(texts)) / factors["w"]
            blocks[block][axis, place] = blocks[block][place, axis] = value


def _read_pair(
    row: dict[str, Any], blocks: dict[Any, np.ndarray], factors: dict[str, float], terms: GlmTerms
) -> None:
    first, second = list(combinations(range(len(terms.levels)), 2))[row["place"]]
    one, two = terms.levels[first][row["one"] - 1], terms.levels[second][row["two"] - 1]
    if one is None or two is None:
        return
    for block, text in zip(blocks, row["sums"], strict=True):
        blocks[block][one, two] = blocks[block][two, one] = int(text) / factors["w"]
