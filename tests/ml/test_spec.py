"""A model file is read strictly: each mistake is named by file, field, value and what is allowed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ml.spec import SpecError, load_spec, load_specs

VALID = """\
name: late
description: A flight arrives late.
owner: flight-operations
entity: flight
key_column: flight_key
date_column: flight_date
task: classification
prediction_point: two hours before scheduled departure
label: {table: core.fct_flight, column: is_late, known_at: outcome_known_at, where: is_arrived}
features:
  - {name: carrier_id, table: features.ftr_flight__schedule, kind: category}
  - {name: distance_mi, table: features.ftr_flight__schedule, kind: number}
split: {train_start: 2013-01-01, train_end: 2013-08-31, test_start: 2013-09-01, test_end: 2013-12-31}
algorithm: {name: lightgbm, params: {n_estimators: 10}, grid: {num_leaves: [15, 31]}}
baseline: {group_by: [carrier_id]}
metrics: [accuracy, auc, log_loss]
gates:
  - {metric: auc, at_least: 0.72}
  - {metric: log_loss, better_than: baseline}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "late.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_valid_file_is_read_with_its_defaults(tmp_path):
    spec = load_spec(write(tmp_path, VALID))
    assert spec.feature_names == ("carrier_id", "distance_mi")
    assert spec.feature_tables == ("features.ftr_flight__schedule",)
    assert spec.selection_metric == "log_loss"
    assert spec.endpoint == "late"
    assert [gate.judged_by for gate in spec.gates] == ["value", "interval"]
    assert load_specs(tmp_path) == {"late": spec}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("name: lightgbm", "name: xgb", ["algorithm.name", "'xgb'", "forest", "lightgbm", "logistic"]),
        ("name: lightgbm", "name: ridge", ["algorithm.name", "'ridge'", "for classification"]),
        ("n_estimators: 10", "n_trees: 10", ["algorithm.params.n_trees", "num_leaves"]),
        ("n_estimators: 10", "n_estimators: 0", ["algorithm.params.n_estimators", "value 0", "int from 1"]),
        ("n_estimators: 10", "n_estimators: true", ["algorithm.params.n_estimators", "True"]),
        ("n_estimators: 10", "n_estimators: 1.5", ["algorithm.params.n_estimators", "1.5"]),
        ("n_estimators: 10", "num_leaves: 10", ["algorithm.grid.num_leaves", "not in both"]),
        ("n_estimators: 10", "objective: regression", ["algorithm.params.objective"]),
        ("[15, 31]", "[15, 1]", ["algorithm.grid.num_leaves", "value 1", "from 2"]),
        ("[15, 31]", "[]", ["algorithm.grid.num_leaves", "at least one"]),
        ("[15, 31]", str(list(range(2, 40))), ["algorithm.grid", "38 combinations", "at most 24"]),
        ("owner: f", "engine: gpu\nowner: f", ["engine", "'gpu'", "'library', 'warehouse' or 'bqml'"]),
        (
            "owner: f",
            "engine: bqml\nowner: f",
            ["algorithm.name", "'lightgbm'", "for classification by BigQuery ML: forest, gradient_boosting"],
        ),
        (
            "owner: f",
            "engine: warehouse\nowner: f",
            ["algorithm.name", "'lightgbm'", "for classification in the warehouse", "lda", "logistic"],
        ),
        (
            "n_estimators: 10}",
            "n_estimators: 10}, features: [carrier_id, dest]",
            ["algorithm.features[1]", "'dest'", "carrier_id, distance_mi"],
        ),
        (
            "n_estimators: 10}",
            "n_estimators: 10}, features: []",
            ["algorithm.features", "[]"],
        ),
        (
            "baseline: {",
            "challenger: {algorithm: {name: ridge}}\nbaseline: {",
            ["challenger.algorithm.name", "'ridge'", "for classification in the warehouse", "naive_bayes"],
        ),
        (
            "baseline: {",
            "challenger: {algorithm: {name: lda, params: {shrinkage: 2}}}\nbaseline: {",
            ["challenger.algorithm.params.shrinkage", "value 2", "float from 0 to 1"],
        ),
        (
            "baseline: {",
            "challenger: {algorithm: {name: tree, grid: {n_estimators: [5]}}}\nbaseline: {",
            ["challenger.algorithm.grid.n_estimators", "max_bins", "min_samples_leaf"],
        ),
        (
            "baseline: {",
            "challenger: {algorithm: {name: lda, features: [carrier_id, carrier_id]}}\nbaseline: {",
            ["challenger.algorithm.features[1]", "'carrier_id'", "each once"],
        ),
        (
            "kind: number",
            "kind: numeric",
            ["features[1].kind", "'numeric'", "'number', 'category' or 'boolean'"],
        ),
        (
            "kind: number}",
            "kind: number, windw: 3}",
            ["features[1].windw", "allowed fields", "kind, name, table"],
        ),
        ("name: distance_mi", "name: carrier_id", ["features[1].name", "each feature once"]),
        ("name: distance_mi", "name: is_late", ["features[1].name", "neither key, date nor label"]),
        ("name: distance_mi", "name: Distance", ["features[1].name", "'Distance'"]),
        ("features.ftr_flight__schedule, kind: n", "core.fct_flight, kind: n", ["features[1].table", "ftr_"]),
        ("metric: auc", "metric: accuracy", ["gates[0].metric", "'accuracy'", "rare positives"]),
        ("metric: auc", "metric: rmse", ["gates[0].metric", "'rmse'", "average_precision"]),
        ("metric: auc", "metric: brier", ["gates[0].metric", "'brier'", "accuracy, auc, log_loss"]),
        ("at_least: 0.72", "at_least: 0.72, at_most: 1", ["gates[0]", "exactly one of"]),
        ("at_least: 0.72", "at_least: .nan", ["gates[0].at_least", "nan"]),
        (
            "better_than: baseline",
            "better_than: everybody",
            ["gates[1].better_than", "'constant' or 'baseline'"],
        ),
        ("[accuracy, auc, log_loss]", "[auc, log_loss, lift]", ["metrics[2]", "'lift'", "brier"]),
        ("[accuracy, auc, log_loss]", "[auc, log_loss, auc]", ["metrics", "each metric once"]),
        ("train_end: 2013-08-31", "train_end: 2012-08-31", ["split.train_end", "2013-01-01"]),
        ("test_start: 2013-09-01", "test_start: 2013-08-31", ["split.test_start", "a date after 2013-08-31"]),
        ("test_end: 2013-12-31", "test_end: 2013-08-31", ["split.test_end", "2013-09-01"]),
        ("test_start: 2013-09-01", "test_start: soon", ["split.test_start", "'soon'"]),
        ("group_by: [carrier_id]", "group_by: [dest]", ["baseline.group_by[0]", "carrier_id, distance_mi"]),
        ("task: classification", "task: ranking", ["task", "'ranking'", "'classification' or 'regression'"]),
        ("owner: flight-operations\n", "", ["owner", "missing"]),
        ("owner: f", "colour: red\nowner: f", ["colour", "unknown field", "allowed fields: algorithm"]),
        ("owner: f", "name: late\nowner: f", ["'name' stands twice"]),
        ("name: late\n", "name: early\n", ["field name", "'early'", "'late'"]),
        ("core.fct_flight", "fct_flight", ["label.table", "'fct_flight'"]),
    ],
)
def test_each_mistake_is_named(tmp_path, old, new, told):
    assert old in VALID
    path = write(tmp_path, VALID.replace(old, new, 1))
    with pytest.raises(SpecError) as error:
        load_spec(path)
    for part in [str(path), *told]:
        assert part in str(error.value)


def test_one_line_takes_a_model_into_the_warehouse_and_a_challenger_is_a_declaration_of_its_own(tmp_path):
    start, end = VALID.index("algorithm:"), VALID.index("baseline:")
    one_line = "engine: warehouse\nalgorithm: {name: lda, grid: {shrinkage: [0, 0.5]}}\n"
    text = VALID[:start] + one_line + VALID[end:]
    assert load_spec(write(tmp_path, text)).engine == "warehouse"
    spec = load_spec(write(tmp_path, VALID.replace(
        "baseline:", "challenger: {algorithm: {name: tree, features: [distance_mi]}}\nbaseline:", 1
    )))  # fmt: skip
    contenders = spec.contenders()
    assert contenders["declared"] == load_spec(write(tmp_path, VALID))
    challenger = contenders["challenger"]
    assert (challenger.engine, challenger.algorithm.name, challenger.challenger) == (
        "warehouse",
        "tree",
        None,
    )
    assert [feature.name for feature in challenger.fitted_features] == ["distance_mi"]
    assert challenger.features == spec.features, "a row is asked with all of them"


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path):
    text = VALID.replace("kind: number", "kind: numeric").replace("2013-09-01", "soon")
    with pytest.raises(SpecError, match=r"(?s)features\[1\]\.kind.*split\.test_start"):
        load_spec(write(tmp_path, text))


@pytest.mark.parametrize("text", ["", "- a list", "name: [unclosed", "name: \x00", "split: 2013-02-30"])
def test_what_is_no_mapping_is_refused(tmp_path, text):
    with pytest.raises(SpecError, match=r"late\.yml"):
        load_spec(write(tmp_path, text))


def test_absent_files_and_directories_are_named(tmp_path):
    with pytest.raises(SpecError, match="cannot be read"):
        load_spec(tmp_path / "none.yml")
    with pytest.raises(SpecError, match="no such directory"):
        load_specs(tmp_path / "none")


def test_yaml_cannot_build_objects(tmp_path):
    with pytest.raises(SpecError):
        load_spec(write(tmp_path, "name: !!python/object/apply:os.getcwd []\n"))


def test_reading_declarations_loads_no_heavy_library():
    heavy = {"pandas", "sklearn", "lightgbm"}
    code = f"import sys, ml.spec; ml.spec.load_specs(); print({heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
