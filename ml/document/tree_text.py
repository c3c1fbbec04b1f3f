"""The trees of a document as LightGBM's model text, for its predictor to run.

Belongs here: the text, and which columns the model reads. Does not belong here: predicting
(`ml.document.tree_engine`), reading models of LightGBM's own (`ml.document.importers.lightgbm_trees`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.document.ops.missing import ZERO

CATEGORICAL, MISSING_LEFT, NAN_IS_MISSING = 1, 2, 8
"""Bits of a node's decision in the text."""

MOST_CODES = 10_000
"""A set of categories is a row of bits up to the largest; beyond this many NumPy answers."""


@dataclass(frozen=True)
class Slot:
    """One column of the model: an operand as it is, or (`codes`) the position of its values among these."""

    operand: int
    codes: np.ndarray | None
    splits_zero: bool


@dataclass(frozen=True)
class Plan:
    """A `trees` node for LightGBM: its columns and the model text."""

    slots: tuple[Slot, ...]
    text: str


def plan_of(node: Any) -> Plan | None:
    """The plan of a node; None where there is nothing to gain or LightGBM has no way to say it."""
    trees, start = node.params["trees"], float(node.params["start"])
    if not trees or math.copysign(1.0, start) < 0.0 == start:
        return None
    sets = [[float(code) for code in codes] for codes in node.params.get("sets", [])]
    slots = _slots(trees, sets)
    if any(slot.codes is not None and len(slot.codes) > MOST_CODES for slot in slots.values()):
        return None
    places = {key: place for place, key in enumerate(slots)}
    masks = _masks(slots, sets)
    sections = [_constant(start)] if start else []
    sections += [_section(tree, places, masks) for tree in trees]
    columns = tuple(slots.values()) or (Slot(0, None, False),)
    return Plan(columns, _header(len(columns)) + _numbered(sections) + FOOTER)


def _slots(trees: Sequence[Mapping[str, Any]], sets: list[list[float]]) -> dict[tuple[int, bool], Slot]:
    """The model's columns by operand and whether its values are categories."""
    codes: dict[int, set[float]] = {}
    thresholds: dict[int, list[float]] = {}
    for tree in trees:
        for feature, test, threshold in zip(tree["feature"], tree["test"], tree["threshold"], strict=True):
            if feature != -1 and test == "in":
                codes.setdefault(feature, set()).update(sets[int(threshold)])
            elif feature != -1:
                thresholds.setdefault(feature, []).append(_at_most(test, threshold))
    slots = {
        (feature, False): Slot(feature, None, any(-ZERO <= value < ZERO for value in values))
        for feature, values in sorted(thresholds.items())
    }
    for feature, values in sorted(codes.items()):
        slots[feature, True] = Slot(feature, np.array(sorted(values)), False)
    return slots


def _at_most(test: str, threshold: float) -> float:
    """The t of `x <= t` that says the same of every known x."""
    if test == "known":
        return math.inf
    return float(threshold) if test == "<=" else math.nextafter(threshold, -math.inf)


def _masks(
    slots: Mapping[tuple[int, bool], Slot], sets: list[list[float]]
) -> dict[tuple[int, int, bool], int]:
    """By operand, set and the way of the missing: the bits of the codes that go left."""
    masks = {}
    for (feature, _), slot in slots.items():
        for number, members in enumerate(sets if slot.codes is not None else []):
            at = np.flatnonzero(np.isin(slot.codes, members)).tolist()
            mask = sum(1 << code for code in at)
            masks[feature, number, False] = mask
            masks[feature, number, True] = mask | 1 << len(slot.codes)
    return masks


def _section(
    tree: Mapping[str, Any],
    places: Mapping[tuple[int, bool], int],
    masks: Mapping[tuple[int, int, bool], int],
) -> str:
    """One tree: inner nodes and leaves are numbered apart, a leaf's number stands complemented."""
    if tree["feature"][0] == -1:
        return _constant(tree["value"][0])
    numbers, inner, values = [], [], []
    for place, feature in enumerate(tree["feature"]):
        numbers.append(~len(values) if feature == -1 else len(inner))
        if feature == -1:
            values.append(tree["value"][place])
        else:
            inner.append(place)
    lines: dict[str, list[Any]] = {name: [] for name in ("split_feature", "threshold", "decision_type")}
    words, edges = [], [0]
    for place in inner:
        feature, test, threshold = (tree[key][place] for key in ("feature", "test", "threshold"))
        missing_left = tree["missing_left"][place]
        lines["split_feature"].append(places[feature, test == "in"])
        if test == "in":
            lines["threshold"].append(len(edges) - 1)
            lines["decision_type"].append(CATEGORICAL)
            words += _words(masks[feature, int(threshold), missing_left])
            edges.append(len(words))
        else:
            lines["threshold"].append(_at_most(test, threshold))
            lines["decision_type"].append(NAN_IS_MISSING + MISSING_LEFT * missing_left)
    for side in ("left", "right"):
        lines[f"{side}_child"] = [numbers[tree[side][place]] for place in inner]
    return _text(values, lines, edges if words else [], words)


def _words(mask: int) -> list[int]:
    count = mask.bit_length() + 31 >> 5 or 1
    return [mask >> 32 * place & 0xFFFFFFFF for place in range(count)]


def _constant(value: float) -> str:
    return f"num_leaves=1\nnum_cat=0\nleaf_value={float(value)!r}\nis_linear=0\nshrinkage=1\n\n"


def _text(values: list[float], lines: dict[str, list[Any]], edges: list[int], words: list[int]) -> str:
    """A tree's lines. Gains, weights and counts do not enter a prediction, but the reader wants them."""
    inner, leaves = "0 " * (len(values) - 1), "0 " * len(values)
    written = {name: " ".join(map(repr, numbers)) for name, numbers in lines.items()}
    written |= dict.fromkeys(("split_gain", "internal_value", "internal_weight", "internal_count"), inner)
    written |= {"leaf_value": " ".join(repr(float(value)) for value in values)}
    written |= {"leaf_weight": leaves, "leaf_count": leaves}
    if words:
        written |= {"cat_boundaries": " ".join(map(str, edges)), "cat_threshold": " ".join(map(str, words))}
    body = "".join(f"{name}={text.strip()}\n" for name, text in written.items())
    return f"num_leaves={len(values)}\nnum_cat={max(len(edges) - 1, 0)}\n{body}is_linear=0\nshrinkage=1\n\n"


def _numbered(sections: list[str]) -> str:
    return "".join(f"Tree={number}\n{section}\n" for number, section in enumerate(sections))


def _header(count: int) -> str:
    names = " ".join(f"c{place}" for place in range(count))
    infos = " ".join(["[-inf:inf]"] * count)
    return (
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
        f"max_feature_idx={count - 1}\nobjective=regression\nfeature_names={names}\nfeature_infos={infos}\n\n"
    )


FOOTER = "end of trees\n\nfeature_importances:\n\nparameters:\nend of parameters\n\npandas_categorical:null\n"
