"""XGBoost's binary files, written by XGBoost 0.90 and 1.1.1 themselves, with the margins these versions gave.

Each JSON of `xgboost_files` holds what one version said of three boosters of the columns a, b, c: the files
saved by `save_model` as base64, 40 rows, and by booster `predict(output_margin=True)`.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Builder, Document, DocumentError, Evaluator
from ml.document.importers.xgboost_files import read_booster
from ml.document.importers.xgboost_trees import learner_margins

WRITTEN = {
    path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "xgboost_files").iterdir()
}
KINDS = ("boosted_classifier", "boosted_regressor", "forest_classifier")


def document_of(data: bytes, classes: tuple[bool, bool] | None) -> Document:
    builder = Builder("booster")
    columns = [builder.input(name, "number") for name in "abc"]
    learner, starts = read_booster(data)
    margins, head = learner_margins(builder, learner, columns, classes, starts)
    return builder.document(margins, head, {"estimator": "booster"})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", ["0.90", "1.1.1"])
def test_it_answers_as_the_version_that_wrote_it(version, kind):
    told = WRITTEN[version]
    classes = (False, True) if kind.endswith("classifier") else None
    document = document_of(base64.b64decode(told["files"][kind]), classes)
    rows = pa.table({name: [row[at] for row in told["rows"]] for at, name in enumerate("abc")})
    found = Evaluator(document).table(rows).margins[:, 0]
    assert told["version"] == version and len(told[kind]) == 40
    assert np.abs(found - np.array(told[kind])).max() < 1e-6  # XGBoost adds up in float32
    assert document.head.kind == ("sigmoid" if classes else "identity")


def test_a_file_of_today_is_read_as_json():
    xgboost = pytest.importorskip("xgboost")
    rng = np.random.default_rng(3)
    x = np.round(rng.uniform(-3, 3, (200, 3)), 2)
    made = xgboost.train({"max_depth": 3}, xgboost.DMatrix(x, label=x[:, 0] ** 2 - x[:, 1]), 5)
    document = document_of(bytes(made.save_raw("json")), None)
    rows = pa.table({name: x[:, at] for at, name in enumerate("abc")})
    own = made.predict(xgboost.DMatrix(x), output_margin=True)
    assert np.abs(Evaluator(document).table(rows).margins[:, 0] - own).max() < 1e-5
    with pytest.raises(DocumentError, match=r"UBJSON.*save it as \.json"):
        read_booster(bytes(made.save_raw("ubj")))


def test_other_bytes_are_refused():
    whole = base64.b64decode(WRITTEN["1.1.1"]["files"]["boosted_regressor"])
    for wrong in (b"", whole[:500], whole[:-300], bytes(400), b"PAR1" + bytes(200)):
        with pytest.raises(DocumentError, match="allowed|Allowed"):
            read_booster(wrong)
    with pytest.raises(DocumentError, match="no JSON of XGBoost"):
        read_booster(b'{"learner": ')
