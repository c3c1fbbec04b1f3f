"""A stand-in for BigQuery ML: ZetaSQL analyzes each statement and evaluates TRANSFORM, scikit-learn fits.

It shows that what is sent is well typed and that what comes back is read for what it is. It shows nothing
about BigQuery ML's own fits, which ran nowhere. Belongs here: the answers. Does not belong here: assertions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.peers.zetasql import ZetaSql

Evaluate = Callable[[str], list[dict[str, Any]]]
CREATE = re.compile(
    r"create or replace model (?P<path>`ml`\.`(?P<name>\w+)`)\ntransform \(\n  (?P<list>.*)\n\)\n"
    r"options \((?P<options>.*)\)\nas (?P<rows>.*)", re.DOTALL,
)  # fmt: skip
PREDICT = re.compile(
    r"select (?P<kept>.*), [^,]* as score "
    r"from ML\.PREDICT\(model `ml`\.`(?P<name>\w+)`, \((?P<rows>.*)\)\) as p",
    re.DOTALL,
)
WEIGHTS = re.compile(r".* from ML\.WEIGHTS\(model `ml`\.`(?P<name>\w+)`.*", re.DOTALL)
EXPORT = re.compile(r"export model `ml`\.`(?P<name>\w+)` options \(uri = 'gs://bucket/folder/(?P=name)'\)")
PROBABILITIES = [{"label": "INT64", "prob": "FLOAT64"}]


class Answering:
    """What a session asks of a warehouse. `judge` analyzes each statement, and evaluates TRANSFORM unless
    `evaluate` does. `sent_to_ml`: statements of BigQuery ML, in order. `flips`: weights are answered with the
    other sign.
    """

    dialect = "bigquery"
    export_uri = "gs://bucket/folder/"

    def __init__(
        self, judge: ZetaSql, features: dict[str, str], flips: bool = False, evaluate: Evaluate | None = None
    ) -> None:
        self.judge, self.features, self.flips = judge, features, flips
        self.evaluate = evaluate or judge.run
        self.sent_to_ml: list[str] = []
        self.models: dict[str, tuple[list[str], str, Any]] = {}

    def run_googlesql(self, text: str) -> list[dict[str, Any]]:
        self.sent_to_ml.append(text)
        if made := CREATE.fullmatch(text):
            return self._create(made)
        if asked := PREDICT.fullmatch(text):
            return self._predict(text, asked)
        if asked := WEIGHTS.fullmatch(text):
            return self._weights(text, asked["name"])
        if asked := EXPORT.fullmatch(text):
            self.exported = asked["name"]
        self.judge.analyze(text)
        return []

    def _create(self, made: re.Match[str]) -> list[dict[str, Any]]:
        self.judge.analyze(made[0])
        self.judge.model(f"ml.{made['name']}")
        rows = self.evaluate(f"select {made['list']} from ({made['rows']})")
        fitted = [row for row in rows if not row["is_evaluation"]]
        names = [name for name in rows[0] if name not in ("label", "is_evaluation")]
        x = np.array([[row[name] for name in names] for row in fitted])
        y = np.array([row["label"] for row in fitted])
        self.models[made["name"]] = (names, made["list"], _model(made["options"]).fit(x, y))
        return []

    def read_folder(self, uri: str) -> dict[str, bytes]:
        """The exported booster, as XGBoost writes it today."""
        names, _, model = self.models[self.exported]
        assert uri == f"gs://bucket/folder/{self.exported}"
        metadata = json.dumps({"feature_names": names})
        return {
            "model.bst": bytes(model.get_booster().save_raw("json")),
            "assets/model_metadata.json": metadata.encode(),
        }

    def _weights(self, text: str, name: str) -> list[dict[str, Any]]:
        columns = {"processed_input": "STRING", "weight": "FLOAT64",
                   "category_weights": [{"category": "STRING", "weight": "FLOAT64"}]}  # fmt: skip
        self.judge.function("ML.WEIGHTS", ["model", "any?"], columns)
        self.judge.analyze(text)
        names, _, model = self.models[name]
        sign = -1.0 if self.flips else 1.0
        values = [*np.ravel(model.coef_).tolist(), float(np.ravel(model.intercept_)[0])]
        return [
            {"processed_input": column, "weight": sign * value, "categories": None}
            for column, value in zip([*names, "__INTERCEPT__"], values, strict=True)
        ]

    def _predict(self, text: str, asked: re.Match[str]) -> list[dict[str, Any]]:
        names, listed, model = self.models[asked["name"]]
        answers = {"predicted_label": "FLOAT64", "predicted_label_probs": PROBABILITIES}
        self.judge.function("ML.PREDICT", ["model", "relation", "any?"], {**self.features, **answers})
        self.judge.analyze(text)
        without = ", ".join(
            part for part in listed.split(",\n  ") if part not in ("`label`", "`is_evaluation`")
        )
        rows = self.evaluate(f"select {asked['kept']}, {without} from ({asked['rows']})")
        x = np.array([[row[name] for name in names] for row in rows])
        scores = model.predict_proba(x)[:, 1] if hasattr(model, "classes_") else model.predict(x)
        kept = [part.strip("` ") for part in asked["kept"].split(",")]
        return [
            {**{name: row[name] for name in kept}, "score": float(score)}
            for row, score in zip(rows, scores, strict=True)
        ]


def _model(options: str) -> Any:
    """Another library's model of the kind asked for."""
    if "BOOSTED_TREE_" in options or "RANDOM_FOREST_" in options:
        from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier, XGBRFRegressor

        kinds = {
            "BOOSTED_TREE_CLASSIFIER": XGBClassifier, "BOOSTED_TREE_REGRESSOR": XGBRegressor,
            "RANDOM_FOREST_CLASSIFIER": XGBRFClassifier, "RANDOM_FOREST_REGRESSOR": XGBRFRegressor,
        }  # fmt: skip
        kind = next(kind for name, kind in kinds.items() if name in options)
        return kind(n_estimators=6, max_depth=3, n_jobs=1)
    from sklearn.linear_model import LinearRegression, LogisticRegression

    return LogisticRegression(C=10.0, max_iter=1000) if "LOGISTIC_REG" in options else LinearRegression()
