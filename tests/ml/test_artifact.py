"""Artifacts: the same bits after the round trip, one address a fit, and nothing foreign is ever
constructed.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ml.algorithms import ALGORITHMS
from ml.artifact import ArtifactError, digest, dump, load
from ml.feature_frame import to_frame
from ml.row_scores import row_scores
from tests.ml.small_model import late_spec, random_rows

CASES = [(name, task) for name, algorithm in ALGORITHMS.items() for task in algorithm.tasks]
SMALL = {
    "forest": {"n_estimators": 7},
    "gradient_boosting": {"n_estimators": 7},
    "lightgbm": {"n_estimators": 7},
}
SMALL["hist_gradient_boosting"] = {"max_iter": 7}


def fit(name: str, task: str, rows: int = 400, **params):
    features = late_spec().features
    frame = to_frame(features, random_rows(rows, seed=1))
    signal = frame["queue_count"].fillna(4).to_numpy() + np.random.default_rng(2).normal(size=rows)
    estimator = ALGORITHMS[name].build(task, SMALL.get(name, {}) | params, features, 0)
    return estimator.fit(frame, (signal > 5).astype(np.int64) if task == "classification" else signal)


@pytest.fixture(scope="module")
def content() -> bytes:
    return dump(fit("lightgbm", "classification"))


@pytest.mark.parametrize(("name", "task"), CASES)
def test_scores_have_the_same_bits_after_the_round_trip(name, task):
    estimator = fit(name, task)
    frame = to_frame(late_spec().features, random_rows(1000, seed=3))
    content = dump(estimator)
    loaded = load(content, digest(content))
    assert row_scores(loaded, task, frame).tobytes() == row_scores(estimator, task, frame).tobytes()


@pytest.mark.parametrize("name", ["gradient_boosting", "hist_gradient_boosting"])
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
def test_every_allowed_loss_can_be_stored(name, loss):
    if "loss" not in ALGORITHMS[name].parameters:
        loss = {}
    content = dump(fit(name, "regression", **({"loss": loss} if loss else {})))
    assert load(content, digest(content)) is not None


def test_the_same_fit_has_the_same_address_in_another_process():
    code = (
        "from tests.ml.test_artifact import fit, dump, digest; "
        "print(*[digest(dump(fit(n, 'regression'))) for n in ('lightgbm', 'forest', 'ridge')])"
    )
    root = Path(__file__).parents[2]
    found = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(1)
    ]
    here = " ".join(digest(dump(fit(name, "regression"))) for name in ("lightgbm", "forest", "ridge"))
    assert [text.strip() for text in found] == [here]


def test_another_fit_has_another_address(content):
    assert digest(dump(fit("lightgbm", "classification", rows=401))) != digest(content)


def test_every_changed_bit_is_refused(content):
    rng = np.random.default_rng(0)
    for position in rng.integers(0, len(content) * 8, 300):
        changed = bytearray(content)
        changed[position // 8] ^= 1 << (position % 8)
        with pytest.raises(ArtifactError, match="changed or cut short"):
            load(bytes(changed), digest(content))


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_truncated_bytes_are_refused(content, cut):
    with pytest.raises(ArtifactError, match="changed or cut short"):
        load(content[:cut], digest(content))


def test_the_hash_is_checked_before_anything_is_parsed(monkeypatch, content):
    def parse(*_):
        raise AssertionError("parsed")

    monkeypatch.setattr(zipfile, "ZipFile", parse)
    with pytest.raises(ArtifactError):
        load(content + b"x", digest(content))


def repacked(content: bytes, change) -> bytes:
    """The archive with `change(schema)` applied: what an attacker who can also write the hash would store."""
    source = zipfile.ZipFile(io.BytesIO(content))
    schema = json.loads(source.read("schema.json"))
    schema = change(schema) or schema
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            target.writestr(name, json.dumps(schema) if name == "schema.json" else source.read(name))
    return buffer.getvalue()


def function_node(path: Path) -> dict:
    call = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "content": "os.system"}
    return {
        "__class__": "partial", "__module__": "functools", "__loader__": "PartialNode", "__id__": 999999,
        "content": {"func": call, "args": [f"touch {path}"], "kwds": {}, "namespace": None},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("module", "name", "loader"),
    [
        ("os", "system", "FunctionNode"),
        ("builtins", "eval", "FunctionNode"),
        ("operator", "methodcaller", "OperatorFuncNode"),
        ("subprocess", "Popen", "ObjectNode"),
        ("sklearn.neighbors._classification", "KNeighborsClassifier", "ObjectNode"),
        ("sklearn.pipeline", "Pipeline", "MethodNode"),
        ("sklearn.pipeline", "Pipeline", None),
        ("ml.artifact", "ArtifactError", "ObjectNode"),
    ],
)
def test_a_foreign_type_or_node_is_refused_by_name(content, tmp_path, module, name, loader):
    marker = tmp_path / "marker"

    def change(schema):
        node = function_node(marker) | {"__class__": name, "__module__": module, "__loader__": loader}
        schema["content"]["hidden"] = node

    changed = repacked(content, change)
    with pytest.raises(ArtifactError) as error:
        load(changed, digest(changed))
    assert f"{module}.{name}" in str(error.value)
    assert not marker.exists()


def test_a_pickle_is_refused(tmp_path):
    marker = tmp_path / "marker"
    content = (
        f"cposix\nsystem\n(S'touch {marker}'\ntR.".encode()
    )  # a pickle by hand: it would run the command
    with pytest.raises(ArtifactError, match="no skops archive"):
        load(content, digest(content))
    assert not marker.exists()


@pytest.mark.parametrize(
    "change",
    [lambda s: s.update(protocol=0), lambda s: s.pop("protocol") and None, lambda s: [s], lambda s: "text"],
)
def test_another_protocol_or_form_is_refused(content, change):
    changed = repacked(content, change)
    with pytest.raises(ArtifactError, match="protocol"):
        load(changed, digest(changed))


def test_an_archive_without_a_schema_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("other", "x")
    with pytest.raises(ArtifactError, match=r"schema\.json"):
        load(buffer.getvalue(), digest(buffer.getvalue()))


def test_a_huge_archive_is_refused(monkeypatch, content):
    monkeypatch.setattr("ml.artifact.MAX_UNPACKED_BYTES", 10)
    with pytest.raises(ArtifactError, match="unpacks to"):
        load(content, digest(content))


def test_what_is_too_large_to_keep_is_not_dumped(monkeypatch):
    monkeypatch.setattr("ml.artifact.MAX_BYTES", 1000)
    with pytest.raises(ArtifactError, match=r"allowed: 1,000. Fit fewer or smaller trees"):
        dump(fit("tree", "regression"))


def test_what_no_algorithm_stores_is_not_dumped():
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import FunctionTransformer

    for foreign in (KNeighborsClassifier().fit([[0], [1]], [0, 1]), FunctionTransformer(np.log1p), Path("x")):
        with pytest.raises(ArtifactError):
            dump(foreign)
