"""Run by the Python of the peer `shap`: its answers to models and rows given as files, written to a third.

`python shap_answers.py FOLDER` reads there `model.txt` (a LightGBM booster), `trees.json` (trees with tests
"<=" only), `linear.npz` (weights, start, background) and `rows.npz`, and writes `answers.npz`. Belongs here:
calls of shap. Does not belong here: anything of the project, which is not there.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import lightgbm
import numpy as np
import shap


def main(folder: Path) -> None:
    rows = np.load(folder / "rows.npz")["rows"]
    found = {}
    booster = shap.TreeExplainer(lightgbm.Booster(model_file=str(folder / "model.txt")))
    found["lightgbm"], found["lightgbm_base"] = booster.shap_values(rows), booster.expected_value
    trees = [in_shap(tree) for tree in json.loads((folder / "trees.json").read_text())]
    own = shap.TreeExplainer(
        {"trees": trees, "input_dtype": np.float64, "internal_dtype": np.float64},
        feature_perturbation="tree_path_dependent",
    )
    before = time.perf_counter()
    found["trees"] = own.shap_values(rows, check_additivity=False)
    found["trees_seconds"] = time.perf_counter() - before
    found["trees_base"] = own.expected_value
    linear = np.load(folder / "linear.npz")
    model = shap.LinearExplainer((linear["weights"], float(linear["start"])), linear["background"])
    found["linear"], found["linear_base"] = model.shap_values(np.nan_to_num(rows)), model.expected_value
    np.savez(folder / "answers.npz", **found)


def in_shap(tree: dict) -> dict:
    """A document's tree as shap names its parts."""
    is_leaf = np.array(tree["feature"]) == -1
    left, right = (np.where(is_leaf, -1, tree[side]).astype(np.int32) for side in ("left", "right"))
    return {
        "children_left": left,
        "children_right": right,
        "children_default": np.where(tree["missing_left"], left, right).astype(np.int32),
        "features": np.array(tree["feature"], dtype=np.int32),
        "thresholds": np.array(tree["threshold"], dtype=np.float64),
        "values": np.array(tree["value"], dtype=np.float64).reshape(-1, 1),
        "node_sample_weight": np.array(tree["cover"], dtype=np.float64),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
