"""A registered version answers as the fitted object did, from verified bytes, by its own declaration."""

from __future__ import annotations

import pyarrow as pa
import pytest

from ml import predictor, registry
from ml.artifact import ArtifactError
from ml.document import DocumentError
from ml.feature_frame import to_frame
from ml.predictor import NoChampionError, Predictor
from ml.row_scores import row_scores
from tests.ml.small_model import (
    champion_late,
    fitted_late,
    late_spec,
    other_fit,
    random_rows,
    registered_late,
)
from tests.ml.test_registry_promotion import corrupt


@pytest.fixture(autouse=True)
def _empty_cache():
    predictor._cache.clear()
    yield
    predictor._cache.clear()


def test_it_answers_with_the_bits_of_the_fitted_object(wh):
    champion_late(wh)
    fitted, _ = fitted_late_again()
    rows = random_rows(300)
    loaded = Predictor.load(wh, "late")
    answers = loaded.predict(rows)
    expected = row_scores(fitted.estimator, "classification", to_frame(late_spec().features, rows))
    assert answers.column_names == ["margin", "score", "is_positive"]
    assert answers.column("score").to_numpy().tobytes() == expected.tobytes()
    assert answers.column("is_positive").to_pylist() == [bool(s >= loaded.threshold) for s in expected]
    for i in range(0, 300, 29):
        assert loaded.predict(rows.slice(i, 1)).column("score")[0].as_py() == expected[i]
    assert loaded.predict_rows(rows.to_pylist()) == answers.to_pylist()


def fitted_late_again():
    from tests.ml import small_model

    return small_model._trained["late"]


def test_it_names_its_version_and_hands_the_key_on(wh):
    version = champion_late(wh)
    loaded = Predictor.load(wh, late_spec())
    assert (loaded.version, loaded.sha256, loaded.threshold) == (
        1,
        version.artifact_sha256,
        version.threshold,
    )
    assert [f.name for f in loaded.features] == list(late_spec().feature_names)
    keyed = random_rows(3).append_column("flight_key", pa.array(["a", "b", "c"]))
    assert loaded.predict(keyed).column("flight_key").to_pylist() == ["a", "b", "c"]
    assert loaded.predict(random_rows(3).slice(0, 0)).num_rows == 0


def test_regression_has_no_decision(wh):
    loaded = Predictor.load(wh, champion_late(wh).model_name)
    plain = predictor.Predictor(
        registry.ModelVersion(**{**vars(loaded.registered), "threshold": None}), loaded.spec, loaded.evaluator
    )
    assert plain.predict(random_rows(2)).column("is_positive").null_count == 2


def test_without_a_champion_it_says_what_to_do(wh):
    with pytest.raises(NoChampionError, match="no champion. Train it and promote"):
        Predictor.load(wh, "late")
    registered_late(wh)
    with pytest.raises(NoChampionError):
        Predictor.load(wh, "late")
    assert Predictor.load(wh, "late", version=1).version == 1
    with pytest.raises(registry.RegistryError, match="registered: 1"):
        Predictor.load(wh, "late", version=2)


def test_damaged_bytes_are_refused(wh):
    corrupt(wh, champion_late(wh))
    with pytest.raises(ArtifactError, match="changed or cut short"):
        Predictor.load(wh, "late")


def test_an_artifact_is_read_once_by_its_address(wh, monkeypatch):
    fitted, training_set = fitted_late(wh)
    for one in (fitted, fitted, other_fit(fitted)):
        version = registry.register(wh, one, training_set, "x").version
        registry.judge_version(wh, "late", version)
    reads = []
    real = predictor.artifact_content
    monkeypatch.setattr(predictor, "artifact_content", lambda wh, sha: reads.append(sha) or real(wh, sha))
    first, second, third = (Predictor.load(wh, "late", version=n) for n in (1, 2, 3))
    assert first.evaluator is second.evaluator is not third.evaluator
    assert reads == [first.sha256, third.sha256]


def test_the_cache_is_bounded(wh, monkeypatch):
    fitted, training_set = fitted_late(wh)
    for one in (fitted, other_fit(fitted)):
        registry.register(wh, one, training_set, "x")
    monkeypatch.setattr(predictor, "CACHED_ARTIFACTS", 1)
    kept = [Predictor.load(wh, "late", version=n).sha256 for n in (1, 2)][-1]
    assert list(predictor._cache) == [kept]


def test_missing_and_mistyped_features_are_refused_by_name(wh):
    champion_late(wh)
    loaded = Predictor.load(wh, "late")
    with pytest.raises(DocumentError, match="queue_count"):
        loaded.predict(random_rows(3).drop_columns(["queue_count"]))
    with pytest.raises(DocumentError, match="departure_hour"):
        loaded.predict(random_rows(1).set_column(1, "departure_hour", pa.array(["late"])))
