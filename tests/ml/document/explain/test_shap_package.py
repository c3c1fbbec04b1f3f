"""Explanations against the package shap, which runs in an environment of its own."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Builder, Document, Head, Input
from ml.document.explain import explain
from ml.document.importers import import_estimator
from tests.peers.environment import peer_or_skip, run_peer

REQUIREMENTS = ["shap==0.51.0", "lightgbm==4.7.0", "numpy==2.4.6", "numba==0.68.1"]
NAMES = tuple("abcdef")
TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def python() -> Path:
    return peer_or_skip("shap", REQUIREMENTS)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    random = np.random.default_rng(0)
    matrix = random.normal(size=(800, len(NAMES)))
    matrix[random.random(matrix.shape) < 0.05] = math.nan
    return matrix


def table(matrix: np.ndarray) -> pa.Table:
    return pa.table({name: pa.array(column) for name, column in zip(NAMES, matrix.T, strict=True)})


def linear(weights: list[float], start: float) -> Document:
    b = Builder("linear")
    columns = [b.impute(b.input(name, "number"), 0.0) for name in NAMES]
    return b.document([b.weighted(columns, weights, start)], Head("identity"), {})


@pytest.mark.slow
def test_values_are_those_of_shap(python, rows, tmp_path):
    import lightgbm

    known = np.nan_to_num(rows)
    target = known[:, 0] + np.sin(3 * known[:, 1]) + known[:, 2] * known[:, 3]
    params = {"verbose": -1, "num_threads": 1, "num_leaves": 31}
    fitted = lightgbm.train(params, lightgbm.Dataset(rows, target), 60)
    document = import_estimator(fitted, [Input(name, "number") for name in NAMES], "model")
    (trees,) = [node for node in document.nodes if node.op == "trees"]
    assert {test for tree in trees.params["trees"] for test in tree["test"]} == {"<="}
    weights, start, background = [0.5, -1.0, 2.0, 0.1, -3.0, 0.7], 0.25, known[:50]
    fitted.save_model(tmp_path / "model.txt")
    (tmp_path / "trees.json").write_text(json.dumps(trees.params["trees"]))
    np.savez(tmp_path / "linear.npz", weights=weights, start=start, background=background)
    np.savez(tmp_path / "rows.npz", rows=rows)
    run_peer(python, Path(__file__).with_name("shap_answers.py"), tmp_path)

    answers = np.load(tmp_path / "answers.npz")
    ours = explain(document, table(rows))
    # shap lets LightGBM explain its own model; the same trees given as plain arrays it explains itself.
    for name in ("lightgbm", "trees"):
        np.testing.assert_allclose(ours.values, answers[name].reshape(rows.shape), rtol=0, atol=TOLERANCE)
        assert ours.base == pytest.approx(float(np.ravel(answers[f"{name}_base"])[0]), abs=TOLERANCE)
    ours = explain(linear(weights, start), table(rows), background=table(background))
    np.testing.assert_allclose(ours.values, answers["linear"], rtol=0, atol=TOLERANCE)
    assert ours.base == pytest.approx(float(answers["linear_base"]), abs=TOLERANCE)
