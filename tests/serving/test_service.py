"""The endpoints: the same 64 bits as batch scoring, and every kind of bad request."""

from __future__ import annotations

import json
import os

import pytest

from warehouse.client import open_warehouse

VERBS = ("explain", "explain_by_flight", "predict", "predict_by_flight")


def stored(asked, model):
    with open_warehouse(asked.settings) as wh:
        sql = (
            "select flight_key, score, is_positive, model_version from ml.prediction where model_name = %(m)s"
        )
        return wh.query(f"{sql} order by flight_key", {"m": model})


@pytest.mark.parametrize("model", ["late", "delay"])
def test_by_key_gives_the_bits_of_the_stored_prediction(client, asked, model):
    want = stored(asked, model)[:50]
    reply = client.post(f"/{model}/predict_by_flight", json={"flight_keys": [w["flight_key"] for w in want]})
    assert reply.status_code == 200
    body = reply.json()
    assert [p["flight_key"] for p in body["predictions"]] == [w["flight_key"] for w in want]
    assert [p["score"].hex() for p in body["predictions"]] == [w["score"].hex() for w in want]
    assert body["version"] == want[0]["model_version"] and len(body["artifact_sha256"]) == 64
    if model == "late":
        assert [p["is_positive"] for p in body["predictions"]] == [w["is_positive"] for w in want]
    else:
        assert "is_positive" not in body["predictions"][0]


def test_features_give_the_bits_of_the_key_alone_and_in_a_batch(client, asked):
    sql = """select s.flight_key, s.carrier_id, s.departure_hour, t.queue_count, t.is_even
             from features.ftr_flight__schedule s join features.ftr_flight__state t using (flight_key)
             order by 1 limit 20"""
    with open_warehouse(asked.settings) as wh:
        rows = wh.query(sql)
    keys = [row.pop("flight_key") for row in rows]
    by_key = client.post("/late/predict_by_flight", json={"flight_keys": keys}).json()["predictions"]
    batch = client.post("/late/predict", json={"rows": rows}).json()["predictions"]
    alone = [client.post("/late/predict", json={"rows": [row]}).json()["predictions"][0] for row in rows]
    assert (
        [p["score"].hex() for p in batch]
        == [p["score"].hex() for p in alone]
        == [p["score"].hex() for p in by_key]
    )


@pytest.mark.parametrize("model", ["late", "delay"])
def test_an_explanation_adds_up_to_the_margin_of_the_prediction(client, asked, model):
    keys = [row["flight_key"] for row in stored(asked, model)[:20]]
    predicted = client.post(f"/{model}/predict_by_flight", json={"flight_keys": keys}).json()["predictions"]
    reply = client.post(f"/{model}/explain_by_flight", json={"flight_keys": keys})
    assert reply.status_code == 200
    explained = reply.json()["explanations"]
    assert [e["flight_key"] for e in explained] == keys
    assert [e["margin"].hex() for e in explained] == [p["margin"].hex() for p in predicted]
    for one in explained:
        assert one["base"] + sum(one["contributions"].values()) == pytest.approx(one["margin"], abs=1e-9)
    assert any(abs(value) > 1e-3 for one in explained for value in one["contributions"].values())


def test_an_explanation_is_asked_by_features_too_and_bounded(client, row):
    (one,) = client.post("/late/explain", json={"rows": [row]}).json()["explanations"]
    assert set(one["contributions"]) == set(row)
    reply = client.post("/late/explain", json={"rows": [row] * 101})
    assert reply.status_code in (400, 413) and "explanations" not in reply.json()


def test_a_key_given_twice_is_answered_twice_in_order(client, asked):
    first, second = (w["flight_key"] for w in stored(asked, "late")[:2])
    reply = client.post("/late/predict_by_flight", json={"flight_keys": [second, first, second]})
    assert [p["flight_key"] for p in reply.json()["predictions"]] == [second, first, second]


def test_unknown_keys_are_404_and_each_is_named(client, asked):
    known = stored(asked, "late")[0]["flight_key"]
    reply = client.post("/late/predict_by_flight", json={"flight_keys": [known, "no-such-flight"]})
    error = reply.json()["error"]
    assert reply.status_code == 404 and error["code"] == "unknown_flight"
    assert "no-such-flight" in error["message"] and known not in error["message"]
    assert error["problems"][0]["field"] == "flight_keys[1]"


def test_a_key_with_sql_in_it_is_only_a_wrong_key(client, asked):
    reply = client.post("/late/predict_by_flight", json={"flight_keys": ["x'; drop table ml.prediction; --"]})
    assert reply.status_code == 400
    assert reply.json()["error"]["problems"][0]["field"] == "flight_keys[0]"
    assert stored(asked, "late")


def test_an_unseen_category_is_scored_and_null_is_taken(client, row):
    unseen = client.post(
        "/late/predict", json={"rows": [{**row, "carrier_id": "ZZ"}, {**row, "carrier_id": "YY"}]}
    )
    assert unseen.status_code == 200
    # Two different unseen values are the same to the model: it knows neither.
    first, second = (p["score"] for p in unseen.json()["predictions"])
    assert first == second
    nothing = client.post("/late/predict", json={"rows": [dict.fromkeys(row)]})
    assert nothing.status_code == 200 and 0 <= nothing.json()["predictions"][0]["score"] <= 1


WRONG = [
    ('{"rows": [{"carrier_id": "A", "departure_hour": NaN, "queue_count": 1, "is_even": true}]}',
     "rows[0].departure_hour", "finite number"),
    ('{"rows": [{"carrier_id": "A", "departure_hour": -Infinity, "queue_count": 1, "is_even": true}]}',
     "rows[0].departure_hour", "finite number"),
    ('{"rows": [{"carrier_id": "A", "departure_hour": 1e400, "queue_count": 1, "is_even": true}]}',
     "rows[0].departure_hour", "finite number"),
    ('{"rows": [{"carrier_id": "A", "departure_hour": "12", "queue_count": 1, "is_even": true}]}',
     "rows[0].departure_hour", "finite number"),
    ('{"rows": [{"carrier_id": "A", "departure_hour": true, "queue_count": 1, "is_even": true}]}',
     "rows[0].departure_hour", "finite number"),
    ('{"rows": [{"carrier_id": 7, "departure_hour": 1, "queue_count": 1, "is_even": true}]}',
     "rows[0].carrier_id", "text"),
    ('{"rows": [{"carrier_id": "A", "departure_hour": 1, "queue_count": 1, "is_even": 1}]}',
     "rows[0].is_even", "true or false"),
    ('{"rows": [{"carrier_id": "A", "departure_hour": 1, "is_even": true}]}',
     "rows[0].queue_count", "finite number"),
    ('{"rows": [{"carrier_id": "A", "departure_hour": 1, "queue_count": 1, "is_even": true, "label": 1}]}',
     "rows[0].label", "the fields are: carrier_id, departure_hour, queue_count, is_even"),
    ('{"rows": []}', "rows", "1 to 50"),
    ('{"rows": {}}', "rows", "1 to 50"),
    ('{"rows": [5]}', "rows[0]", "an object with every declared feature"),
    ('{"row": []}', "row", "the fields are: rows"),
    ("[]", "(the whole body)", "object"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "field", "allowed"), WRONG)
def test_a_wrong_field_is_named_with_what_is_allowed(client, body, field, allowed):
    reply = client.post("/late/predict", content=body, headers={"content-type": "application/json"})
    error = reply.json()["error"]
    assert reply.status_code == 400 and error["code"] == "invalid_request"
    found = {problem["field"]: problem for problem in error["problems"]}
    assert allowed in found[field]["allowed"]
    assert error["next_step"] and error["request_id"] == reply.headers["x-request-id"]
    assert "Traceback" not in reply.text


@pytest.mark.parametrize("body", ["{", "", "rows", "[" * 500, '{"rows": "\\ud800"}'])
def test_what_is_no_json_is_said_to_be_none(client, body):
    reply = client.post("/late/predict", content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 400 and reply.json()["error"]["code"] == "malformed_json"


def test_one_row_too_many_is_413_and_the_full_batch_is_answered(client, row):
    full = client.post("/late/predict", json={"rows": [row] * 50})
    assert full.status_code == 200 and len(full.json()["predictions"]) == 50
    over = client.post("/late/predict", json={"rows": [row] * 51})
    assert over.status_code == 413 and over.json()["error"]["code"] == "batch_too_large"
    assert "51" in over.json()["error"]["message"] and "50" in over.json()["error"]["message"]


def test_findings_are_cut_but_counted(client, row):
    reply = client.post("/late/predict", json={"rows": [{**row, "queue_count": "x" * 500}] * 50})
    error = reply.json()["error"]
    assert error["problem_count"] == 50 and len(error["problems"]) == 20
    assert len(error["problems"][0]["value"]) < 100


def test_readiness_says_which_version_answers(client):
    reply = client.get("/readyz")
    assert reply.status_code == 200
    models = reply.json()["models"]
    assert set(models) == {"late", "delay"} and all(
        m["is_ready"] and m["version"] == 1 for m in models.values()
    )
    assert client.get("/livez").status_code == client.get("/healthz").status_code == 200


def test_a_fault_inside_is_500_without_its_words(client, row, monkeypatch):
    from ml.predictor import Predictor

    def broken(self, rows):
        raise RuntimeError("password=secret")

    monkeypatch.setattr(Predictor, "predict_rows", broken)
    reply = client.post("/late/predict", json={"rows": [row]})
    assert reply.status_code == 500 and reply.json()["error"]["code"] == "internal_error"
    assert "secret" not in reply.text and "RuntimeError" not in reply.text


def test_importing_the_service_touches_no_database(tmp_path):
    import subprocess
    import sys

    code = (
        "import socket\n"
        "def refuse(*a, **k): raise AssertionError('a connection at import')\n"
        "socket.socket.connect = refuse\n"
        "import serving.service as s, sys\n"
        "assert 'psycopg2' not in sys.modules and 'sklearn' not in sys.modules\n"
        "print(sorted(s.Starhouse.routes))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    from ml.spec import load_specs

    paths = json.loads(done.stdout.strip().splitlines()[-1].replace("'", '"'))
    assert paths == sorted(f"/{n}/{v}" for n in load_specs() for v in VERBS)


def test_plain_bentoml_serve_reports_to_nobody():
    import subprocess
    import sys

    code = (
        "from bentoml._internal.utils.analytics import usage_stats\n"
        "assert not usage_stats.do_not_track()\n"
        "from _bentoml_impl.server.serving import server_on_deployment\n"
        "from serving.service import Starhouse\n"
        "server_on_deployment(Starhouse)\n"
        "assert usage_stats.do_not_track()"
    )
    clean = {name: value for name, value in os.environ.items() if name != "BENTOML_DO_NOT_TRACK"}
    subprocess.run([sys.executable, "-c", code], env=clean, check=True)
