"""The files of an export: which are read, and what is refused by name."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ml.bqml.columns import Column, Prepared
from ml.bqml.exported import booster_document, booster_sizes
from ml.document import DocumentError, Evaluator
from ml.indb.errors import InDatabaseError

TOLD = json.loads((Path(__file__).parents[1] / "document" / "xgboost_files" / "0.90.json").read_text())
KINDS = {"x": "number", "y": "number", "kind": "category"}
PREPARED = Prepared(
    (
        Column(
            "kind__code", "kind", "lookup", values=(("no", 0.0), ("yes", 1.0)), unknown=-1.0, missing=-1.0
        ),
        Column("x__filled", "x", "number", fill=0.5),
        Column("y__filled", "y", "number", fill=-0.5),
    )
)


def files(booster: str = "boosted_regressor", names: object = ("x__filled", "y__filled", "kind__code")):
    metadata = json.dumps({"feature_names": names})
    return {
        "model.bst": base64.b64decode(TOLD["files"][booster]),
        "assets/model_metadata.json": metadata.encode(),
        "main.py": b"",
    }


@pytest.mark.parametrize("kind", ["boosted_regressor", "forest_classifier"])
def test_the_booster_s_order_of_columns_counts(kind):
    task = "classification" if kind.endswith("classifier") else "regression"
    document = booster_document(files(kind), PREPARED, KINDS, task, {"estimator": "trees"})
    x, y, flag = (list(column) for column in zip(*TOLD["rows"], strict=True))
    rows = pa.table({"x": x, "y": y, "kind": ["yes" if one else "no" for one in flag]})
    found = Evaluator(document).table(rows)
    assert np.abs(found.margins[:, 0] - np.array(TOLD[kind])).max() < 1e-6
    assert document.head.classes == ((False, True) if task == "classification" else ())
    filled = Evaluator(document).table(
        pa.table({"x": [None, 0.5], "y": [-0.5, None], "kind": ["yes", "yes"]})
    )
    assert filled.margins[0, 0] == filled.margins[1, 0]


def test_importance_is_what_splits_gained():
    sizes = booster_sizes(files(), PREPARED)
    assert set(sizes) == {"x", "y", "kind"} and min(sizes.values()) >= 0 and sizes["x"] > sizes["kind"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({**files(), "model.bst": b"nothing"}, "no model of XGBoost"),
        ({"assets/model_metadata.json": b"{}"}, "no file 'model.bst'"),
        ({"model.bst": files()["model.bst"]}, "no file 'assets/model_metadata.json'; it has model.bst"),
        (files(names=["x__filled", "y__filled"]), r"columns \['x__filled', 'y__filled'\]; allowed: those of"),
        (files(names=None), "columns None"),
    ],
)
def test_another_export_is_refused(given, said):
    with pytest.raises((InDatabaseError, DocumentError), match=said):
        booster_document(given, PREPARED, KINDS, "regression", {"estimator": "trees"})
