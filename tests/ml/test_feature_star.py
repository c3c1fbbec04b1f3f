"""Features at a dimension's grain: declared by a key, checked before training, measured without a join.

Belongs here: the declaration, the feature query, the training set, and the star over it. Does not belong
here: sums over any star (`tests/ml/indb/test_star.py`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ml import registry
from ml.feature_query import feature_sql
from ml.feature_star import feature_dimensions, feature_star
from ml.indb.cofactor_scan import measure
from ml.indb.columns import Category, Number
from ml.indb.star_scan import measure_star
from ml.indb.trainers import TRAINERS
from ml.indb.trainers.source import source_of
from ml.indb.training_plan import plan_training
from ml.indb.training_record import last_training
from ml.score import score
from ml.spec import Algorithm, Gate, ModelSpec
from ml.spec_errors import SpecError
from ml.train_in_warehouse import train_in_warehouse, training_work
from ml.training_checks import TrainingSetError
from ml.training_set import build_training_set
from serving.champions import fetch_features
from tests.ml.small_star import build_star, declared
from warehouse.client import Warehouse

FLEET = """
alter table core.fct_flight add column aircraft_key text;
update core.fct_flight set aircraft_key = 'N' || ascii(right(flight_key, 1)) % 9;
create table features.ftr_aircraft__fleet as
select 'N' || k as aircraft_key, timestamptz '2000-01-01 00:00Z' as known_at,
    nullif(50 + 30 * k, 110) as seat_count, case when k < 4 then 'wide' when k < 7 then 'narrow' end as body,
    k % 2 = 0 as is_jet
from generate_series(0, 9) as k;
"""
KEYED = (
    "  - {name: seat_count, table: features.ftr_aircraft__fleet, kind: number, key: aircraft_key}\n"
    "  - {name: body, table: features.ftr_aircraft__fleet, kind: category, key: aircraft_key}\n"
    "  - {name: is_jet, table: features.ftr_aircraft__fleet, kind: boolean, key: aircraft_key}\n"
)


def keyed_spec(folder: Path, *changes: tuple[str, str]) -> ModelSpec:
    return declared(folder, ("split: {", KEYED + "split: {"), *changes)


@pytest.fixture(scope="module")
def spec(rows_wh: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    build_star(rows_wh)
    rows_wh.execute(FLEET)
    return keyed_spec(tmp_path_factory.mktemp("keyed"))


def test_the_query_finds_them_by_the_key(spec: ModelSpec, rows_wh: Warehouse):
    found = rows_wh.fetch_arrow(feature_sql(spec)).to_pandas()
    fleet = rows_wh.fetch_arrow("select * from features.ftr_aircraft__fleet").to_pandas()
    keys = rows_wh.fetch_arrow("select flight_key, aircraft_key from core.fct_flight").to_pandas()
    plain = found.drop(columns=["seat_count", "body", "is_jet"])
    expected = plain.merge(keys, validate="one_to_one").merge(
        fleet, on="aircraft_key", validate="many_to_one"
    )
    assert len(expected) == len(found) > 3_000
    found, expected = (one.sort_values("flight_key").reset_index() for one in (found, expected))
    for name in ("seat_count", "body", "is_jet"):
        assert found[name].astype(object).where(found[name].notna(), None).tolist() == (
            expected[name].astype(object).where(expected[name].notna(), None).tolist()
        ), name


def test_the_star_equals_the_training_table_bit_for_bit(spec: ModelSpec, rows_wh: Warehouse):
    made = build_training_set(rows_wh, spec)
    assert made.columns[-1] == "__aircraft_key"
    own = ("departure_hour", "queue_count", "is_even", "carrier_id", "label", "split")
    numbers = [
        Number("seat_count", 0, missing="indicator"), Number("departure_hour", 0), Number("is_jet"),
        Number("queue_count", 0, missing="indicator"), Number("label"),
    ]  # fmt: skip
    categories = [Category("body"), Category("carrier_id")]
    star = feature_star(spec, made.relation, own)
    assert star is not None and star.dimensions[0].columns == ("seat_count", "body", "is_jet")
    found = measure_star(rows_wh, star, numbers, categories, ["split"])
    assert found.groups == measure(rows_wh, made.relation, numbers, categories, ["split"]).groups
    only = feature_star(spec, made.relation, own, ["departure_hour", "body"])
    assert only is not None and only.dimensions[0].columns == ("body",)
    assert feature_star(spec, made.relation, own, ["departure_hour"]) is None


@pytest.mark.parametrize("name", ["naive_bayes", "lda"])
def test_a_declared_model_trains_over_the_star(spec: ModelSpec, rows_wh: Warehouse, name: str):
    """The planner takes the way that needs no join; the document is that of the joined rows."""
    made = build_training_set(rows_wh, spec)
    kinds = {one.name: one.kind for one in spec.features}
    source = source_of(
        rows_wh, (made.schema, made.table), "flight_key", "flight_date", kinds, spec.task, 3,
        feature_dimensions(spec, kinds),
    )  # fmt: skip
    chosen = Algorithm(name=name)
    declared_so = spec.model_copy(update={"engine": "warehouse", "algorithm": chosen})
    assert plan_training(rows_wh, training_work(declared_so, source)).way == "factorised"
    documents = {}
    for way in ("joined", "factorised", "export"):
        session = TRAINERS[name].open(rows_wh, source, 0, way)
        documents[way] = [session.fit({}, fold).document for fold in (None, 1)]
    assert [one.sha256 for one in documents["export"]] == [one.sha256 for one in documents["joined"]]
    assert [one.sha256 for one in documents["factorised"]] == [one.sha256 for one in documents["joined"]]
    assert {"seat_count", "body"} <= {one.name for one in documents["joined"][0].inputs}
    fitted = train_in_warehouse(rows_wh, declared_so, made)
    assert fitted.plan.way == "factorised" and fitted.training["plan"]["reason"]


def test_a_keyed_model_is_scored_and_served_by_key(spec: ModelSpec, rows_wh: Warehouse):
    """From the training over the star to predictions of every flight, and the features of one."""
    lenient = spec.model_copy(update={
        "engine": "warehouse", "algorithm": Algorithm(name="naive_bayes"), "name": "keyed",
        "gates": (Gate(metric="auc", at_least=0.01),),
    })  # fmt: skip
    registry.ensure_schema(rows_wh)
    made = build_training_set(rows_wh, lenient)
    version = registry.register(rows_wh, train_in_warehouse(rows_wh, lenient, made), made, "code")
    registry.judge_version(rows_wh, "keyed", version.version)
    registry.promote(rows_wh, "keyed", version.version, "tester", "first")
    kept = last_training(rows_wh, "keyed")
    assert kept["way"] == "factorised" and kept["version"] == version.version and kept["actual_seconds"] > 0
    result = score(rows_wh, "keyed", engine="warehouse")
    assert (
        result.rows
        == result.scored_rows
        == len(rows_wh.query("select flight_key from features.ftr_flight__state"))
    )
    (row,) = rows_wh.query("select flight_key from ml.prd_keyed order by 1 limit 1")
    (served,) = fetch_features(rows_wh, lenient, [row["flight_key"]]).values()
    assert set(lenient.feature_names) <= set(served) and served["is_jet"] is not None


BROKEN = [
    ("delete from features.ftr_aircraft__fleet where aircraft_key = 'N3'",
     "features.ftr_aircraft__fleet': .* of .* facts have a '__aircraft_key' .* such as 'N3' in"),
    ("insert into features.ftr_aircraft__fleet select * from features.ftr_aircraft__fleet where body is null",
     "values of its key 'aircraft_key' stand in several rows, such as 'N7' in 2 rows"),
    ("update core.fct_flight set aircraft_key = null where flight_date = '2013-02-02' and is_arrived",
     "column '__aircraft_key' of the fact is missing in 29 of"),
    ("update features.ftr_aircraft__fleet set known_at = '2013-02-01 00:00Z' where aircraft_key = 'N5'",
     "features_too_late"),
    ("alter table features.ftr_aircraft__fleet drop column known_at", "has no column 'known_at'"),
    ("alter table core.fct_flight drop column aircraft_key", "core.fct_flight has no column 'aircraft_key'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("breach", "message"), BROKEN, ids=["orphan", "repeated", "missing", "late", "timeless", "no key"]
)
def test_broken_keys_block_the_training_set(spec: ModelSpec, rows_wh: Warehouse, breach: str, message: str):
    before = rows_wh.query("select obj_description(to_regclass('training.trn_late')) as note")
    with pytest.raises(TrainingSetError, match=message), rows_wh.transaction():
        rows_wh.execute(breach)
        build_training_set(rows_wh, spec)
    assert rows_wh.query("select obj_description(to_regclass('training.trn_late')) as note") == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("number, key: aircraft_key", "number, key: tail_number"),
            r"features\[5\].key: value 'aircraft_key'",
        ),
        (("number, key: aircraft_key", "number, key: flight_key"), "no key: the entity's is the default"),
        (("number, key: aircraft_key", "number"), r"features\[5\].key: .* one key a table, None for"),
    ],
)
def test_a_key_is_one_a_table(tmp_path: Path, change: tuple[str, str], message: str):
    with pytest.raises(SpecError, match=message):
        keyed_spec(tmp_path, change)


def test_the_entity_needs_a_feature_of_its_own(tmp_path: Path):
    text = (KEYED.join(["features:\n", "split: {"])).replace("seat_count", "carrier_id")
    own = declared(tmp_path).model_dump_json()
    assert '"key":null' in own
    path = tmp_path / "late.yml"
    before = path.read_text()
    path.write_text(before[: before.index("features:")] + text + before.split("split: {")[1])
    from ml.spec import load_spec

    with pytest.raises(SpecError, match="allowed: at least one feature without a key"):
        load_spec(path)
