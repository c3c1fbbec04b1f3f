"""The declaration of a machine learning model: one YAML file, read strictly into frozen objects.

Belongs here: reading the file, its cross-field rules, and errors that name file, field, value and what is
allowed.
Does not belong here: anything that needs the warehouse (`ml.training_set` checks that tables and columns
exist), nor the shape of the single fields (`ml.spec_fields`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError, field_validator, model_validator

from ml.feature_tables import check_keys
from ml.spec_errors import SpecError, explain, not_allowed
from ml.spec_fields import (
    Algorithm,
    Baseline,
    Challenger,
    CrossValidation,
    Drift,
    Engine,
    Feature,
    Fields,
    Gate,
    Identifier,
    Label,
    ModelName,
    Scoring,
    Serving,
    Split,
    Task,
    Threshold,
)

__all__ = [
    "Algorithm",
    "Baseline",
    "Challenger",
    "CrossValidation",
    "Drift",
    "Feature",
    "Gate",
    "Label",
    "ModelSpec",
    "Serving",
    "SpecError",
    "Split",
    "Threshold",
    "load_spec",
    "load_specs",
]

MODELS_DIRECTORY = Path(__file__).parent / "models"


class ModelSpec(Fields):
    """One declared model. Frozen; `model_dump(mode="json")` gives what the registry keeps."""

    name: ModelName
    description: str
    owner: str
    entity: Identifier
    key_column: Identifier
    date_column: Identifier
    task: Task
    prediction_point: str
    label: Label
    features: tuple[Feature, ...]
    split: Split
    engine: Engine = "library"
    algorithm: Algorithm
    challenger: Challenger | None = None
    cross_validation: CrossValidation = CrossValidation()
    threshold: Threshold = Threshold()
    baseline: Baseline
    metrics: tuple[str, ...]
    gates: tuple[Gate, ...]
    drift: Drift = Drift()
    scoring: Scoring = Scoring()
    serving: Serving = Serving()

    @field_validator("features", "metrics", "gates")
    @classmethod
    def _not_empty(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if not value:
            raise not_allowed([], "at least one entry")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> ModelSpec:
        self._check_features()
        self._check_metrics()
        self._check_algorithm()
        return self

    def _check_features(self) -> None:
        seen: set[str] = set()
        for index, feature in enumerate(self.features):
            if feature.name in seen:
                raise not_allowed(feature.name, "each feature once", f"features[{index}].name")
            if feature.name in {self.key_column, self.date_column, self.label.column}:
                raise not_allowed(
                    feature.name, "a column that is neither key, date nor label", f"features[{index}].name"
                )
            seen.add(feature.name)
        check_keys(self.features, self.key_column)
        for index, name in enumerate(self.baseline.group_by):
            if name not in seen:
                raise not_allowed(name, sorted(seen), f"baseline.group_by[{index}]")
        given = self.challenger and self.challenger.algorithm.features
        fields = {"algorithm": self.algorithm.features, "challenger.algorithm": given}
        for field, names in fields.items():
            for index, name in enumerate(names or ()):
                if name not in seen or name in names[:index]:
                    allowed = f"each once of {', '.join(sorted(seen))}"
                    raise not_allowed(name, allowed, f"{field}.features[{index}]")

    def _check_metrics(self) -> None:
        from ml.metrics import metric_names

        allowed = metric_names(self.task)
        named = [(f"metrics[{i}]", m) for i, m in enumerate(self.metrics)]
        named += [(f"gates[{i}].metric", g.metric) for i, g in enumerate(self.gates)]
        if self.cross_validation.metric is not None:
            named.append(("cross_validation.metric", self.cross_validation.metric))
        for path, metric in named:
            if metric not in allowed:
                raise not_allowed(metric, allowed, path)
        for index, gate in enumerate(self.gates):
            if gate.metric not in self.metrics:
                raise not_allowed(gate.metric, list(self.metrics), f"gates[{index}].metric")
        if len(set(self.metrics)) != len(self.metrics):
            raise not_allowed(list(self.metrics), "each metric once", "metrics")

    def _check_algorithm(self) -> None:
        from ml.algorithms import check_parameters

        check_parameters(self.algorithm, self.task, self.engine)
        if self.challenger is not None:
            given = self.challenger
            check_parameters(given.algorithm, self.task, given.engine, "challenger.algorithm")

    def contenders(self) -> dict[str, ModelSpec]:
        """What a training fits: the declared model, and where there is one the challenger, each as a
        declaration of its own.
        """
        declared = self.model_copy(update={"challenger": None})
        if self.challenger is None:
            return {"declared": declared}
        given = {"engine": self.challenger.engine, "algorithm": self.challenger.algorithm}
        return {"declared": declared, "challenger": declared.model_copy(update=given)}

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @property
    def fitted_features(self) -> tuple[Feature, ...]:
        """The features that the algorithm looks at, in the order of the declaration."""
        chosen = self.algorithm.features
        return tuple(f for f in self.features if chosen is None or f.name in chosen)

    @property
    def feature_tables(self) -> tuple[str, ...]:
        """`schema.table` of every feature table, in the order of first use."""
        return tuple(dict.fromkeys(feature.table for feature in self.features))

    @property
    def endpoint(self) -> str:
        """First part of the served path."""
        return self.serving.path or self.name

    @property
    def is_classification(self) -> bool:
        return self.task == "classification"

    @property
    def selection_metric(self) -> str:
        """The metric that chooses among the grid's candidates in cross-validation."""
        return self.cross_validation.metric or ("log_loss" if self.is_classification else "mae")


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key written twice: plain PyYAML keeps the last one without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                mark = key_node.start_mark
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except OSError as error:
        raise SpecError(
            f"{path}: the model file cannot be read: {error.strerror}. Give the path of a .yml file."
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise SpecError(f"{path}: not readable as YAML: {error}. Mend the file at that place.") from error
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise SpecError(f"{path}: the file holds {kind}; allowed: a mapping with the fields of a model.")
    return content


def load_spec(path: str | Path) -> ModelSpec:
    """The model declared in one YAML file.

    Raises:
        SpecError: naming the file, the field's path, the value and the allowed values, for every field that
        is wrong.
    """
    path = Path(path)
    content = _read(path)
    try:
        spec = ModelSpec.model_validate(content)
    except ValidationError as error:
        raise SpecError(explain(path, error, ModelSpec)) from error
    if spec.name != path.stem:
        raise SpecError(
            f"{path}: field name: value {spec.name!r}; allowed: {path.stem!r}, the name of the file. "
            "Rename one of the two."
        )
    return spec


def load_specs(directory: str | Path | None = None) -> dict[str, ModelSpec]:
    """Every declared model by name, in the order of the names. `directory` defaults to `ml/models`."""
    directory = Path(directory) if directory is not None else MODELS_DIRECTORY
    if not directory.is_dir():
        raise SpecError(
            f"{directory}: no such directory of model files. Give the directory that holds the *.yml files."
        )
    return {spec.name: spec for spec in (load_spec(path) for path in sorted(directory.glob("*.yml")))}
