"""XGBoost's files without XGBoost: JSON, and the binary format of its versions up to 2.

The binary format is what other systems still export (BigQuery: XGBoost 0.9 and 1.1), and what XGBoost reads
no longer since 3.1. Its layout is that of `LearnerModelParam`, `GBTreeModelParam`, `TreeParam`, `Node` and
`RTreeNodeStat` in XGBoost's sources (dmlc/xgboost, src/learner.cc, src/gbm/gbtree_model.h,
include/xgboost/tree_model.h), little-endian. Belongs here: bytes to what the JSON would hold. Does not belong
here: trees to nodes (`xgboost_trees`).
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from ml.document.schema import DocumentError

_NODE = np.dtype([("parent", "<i4"), ("left", "<i4"), ("right", "<i4"), ("split", "<u4"), ("value", "<f4")])
_STATISTIC = np.dtype([("gain", "<f4"), ("cover", "<f4"), ("weight", "<f4"), ("leaves", "<i4")])
_DEFAULT_LEFT = 1 << 31


def read_booster(data: bytes) -> tuple[dict[str, Any], list[float] | None]:
    """The `learner` as XGBoost's JSON has it, and the margins before the first tree where the file holds
    these instead of a base score.

    Raises:
        DocumentError: no such file, a linear booster, or vectors as leaves.
    """
    if data[:1] == b"{" and data[1:2] not in b"Li":
        try:
            return json.loads(data)["learner"], None
        except (ValueError, KeyError) as error:
            raise DocumentError(f"the booster is no JSON of XGBoost: {error!r}. Export it again.") from error
    if data[:1] == b"{":
        raise DocumentError(
            "the booster is in UBJSON, which has no reader here; allowed: JSON, or the binary format. Load "
            "it by XGBoost and save it as .json."
        )
    return _Binary(data.removeprefix(b"binf")).learner()


class _Binary:
    """A place in the bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def learner(self) -> tuple[dict[str, Any], list[float] | None]:
        base, features, classes, _, _, major = self._struct("<fIiiiI", skip=112)
        objective, booster = self._text(), self._text()
        if booster != "gbtree":
            raise DocumentError(f"XGBoost's booster is {booster!r}; allowed in a binary file: 'gbtree'.")
        model = self._model()
        parameters = {"base_score": repr(base), "num_class": str(classes), "num_feature": str(features)}
        learner = {
            "objective": {"name": objective},
            "learner_model_param": parameters,
            "gradient_booster": {"name": booster, "model": model},
        }
        # Before version 1 the base score was written as a margin, and no version with it.
        return learner, None if major else [float(base)] * max(classes, 1)

    def _model(self) -> dict[str, Any]:
        trees, _, _, _, _, _, leaf_vector = self._struct("<iiiiqii", skip=128)
        if not 0 <= trees <= len(self._data) or leaf_vector > 1:
            raise self._damaged(f"{trees} trees with leaves of {leaf_vector} numbers")
        read = [self._tree(number) for number in range(trees)]
        return {"trees": read, "tree_info": self._array(np.dtype("<i4"), trees).tolist()}

    def _tree(self, number: int) -> dict[str, Any]:
        _, nodes, _, _, _, leaf_vector = self._struct("<iiiiii", skip=124)
        if nodes < 1:
            raise self._damaged(f"tree {number} of {nodes} nodes")
        node, statistic = self._array(_NODE, nodes), self._array(_STATISTIC, nodes)
        if leaf_vector:
            self._array(np.dtype("<f4"), self._struct("<Q")[0])
        return {
            "left_children": node["left"].tolist(),
            "right_children": node["right"].tolist(),
            "split_indices": (node["split"] & (_DEFAULT_LEFT - 1)).tolist(),
            "default_left": (node["split"] >= _DEFAULT_LEFT).tolist(),
            "split_conditions": node["value"].tolist(),
            "split_type": [0] * nodes,
            "sum_hessian": statistic["cover"].tolist(),
            "loss_changes": statistic["gain"].tolist(),
            "categories": [], "categories_nodes": [], "categories_segments": [], "categories_sizes": [],
            "tree_param": {"size_leaf_vector": str(leaf_vector)},
        }  # fmt: skip

    def _text(self) -> str:
        (size,) = self._struct("<Q")
        return self._bytes(size).decode("ascii", errors="replace")

    def _struct(self, layout: str, skip: int = 0) -> tuple[Any, ...]:
        found = struct.unpack(layout, self._bytes(struct.calcsize(layout)))
        self._bytes(skip)
        return found

    def _array(self, kind: np.dtype, count: int) -> np.ndarray:
        return np.frombuffer(self._bytes(kind.itemsize * count), dtype=kind, count=count)

    def _bytes(self, size: int) -> bytes:
        if size > len(self._data) - self._at:
            raise self._damaged(f"{size} bytes wanted at byte {self._at} of {len(self._data)}")
        self._at += size
        return self._data[self._at - size : self._at]

    @staticmethod
    def _damaged(what: str) -> DocumentError:
        return DocumentError(
            f"the booster is no model of XGBoost, or a damaged one: {what}. Allowed: JSON, or the binary "
            "format of its versions up to 2. Export it again."
        )
