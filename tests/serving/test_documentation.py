"""The OpenAPI description: its examples are real, valid, and answered as it says."""

from __future__ import annotations

import jsonschema

from warehouse.client import open_warehouse


def resolved(schema, document):
    """A schema with its references put in and OpenAPI's nullable turned into JSON Schema."""
    if isinstance(schema, list):
        return [resolved(each, document) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return resolved(document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], document)
    found = {name: resolved(value, document) for name, value in schema.items() if name != "nullable"}
    return {"anyOf": [found, {"type": "null"}]} if schema.get("nullable") else found


def operations(client):
    document = client.get("/docs.json").json()
    posts = {path: item["post"] for path, item in document["paths"].items() if "post" in item}
    return document, posts


def test_every_endpoint_has_a_real_example_that_is_answered_as_documented(client, asked):
    document, posts = operations(client)
    verbs = ("predict", "predict_by_flight", "explain", "explain_by_flight")
    assert set(posts) == {f"/{m}/{v}" for m in ("late", "delay") for v in verbs}
    for path, operation in posts.items():
        content = operation["requestBody"]["content"]["application/json"]
        jsonschema.validate(content["example"], resolved(content["schema"], document))
        reply = client.post(path, json=content["example"])
        answer = operation["responses"]["200"]["content"]["application/json"]
        assert reply.status_code == 200 and reply.json() == answer["example"]
        jsonschema.validate(reply.json(), resolved(answer["schema"], document))
    (row,) = posts["/late/predict"]["requestBody"]["content"]["application/json"]["example"]["rows"]
    (key,) = posts["/late/predict_by_flight"]["requestBody"]["content"]["application/json"]["example"][
        "flight_keys"
    ]
    with open_warehouse(asked.settings) as wh:
        sql = (
            "select carrier_id, departure_hour from features.ftr_flight__schedule where flight_key = %(key)s"
        )
        (stored,) = wh.query(sql, {"key": key})
    assert {name: row[name] for name in stored} == stored


def test_errors_are_as_documented(client, row):
    document, posts = operations(client)
    cases = {400: {"rows": [5]}, 413: {"rows": [row] * 51}}
    for status, body in cases.items():
        reply = client.post("/late/predict", json=body)
        schema = posts["/late/predict"]["responses"][str(status)]["content"]["application/json"]["schema"]
        assert reply.status_code == status
        jsonschema.validate(reply.json(), resolved(schema, document))


def test_without_a_champion_there_is_no_example_rather_than_an_invented_one(toy, serve):
    with serve(toy.settings, {"fresh": toy.specs["fresh"]}) as client:
        client.get("/readyz")
        _, posts = operations(client)
        assert len(posts) == 4
        for operation in posts.values():
            assert "example" not in operation["requestBody"]["content"]["application/json"]
