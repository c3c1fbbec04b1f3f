"""The front door: sizes, times, methods, content types, request ids, the page at /."""

from __future__ import annotations

import socket
import threading

from serving import front


def test_a_request_id_is_kept_where_it_is_clean_and_made_where_not(client):
    kept = client.get("/livez", headers={"x-request-id": "order-17.b_2"})
    assert kept.headers["x-request-id"] == "order-17.b_2"
    made = client.get("/livez", headers={"x-request-id": "bad id; drop"})
    assert len(made.headers["x-request-id"]) == 32


def test_other_methods_paths_and_content_types_are_refused(client):
    reply = client.get("/late/predict")
    assert reply.status_code == 405 and reply.headers["allow"] == "POST"
    reply = client.post("/nothing/here", json={})
    assert reply.status_code == 404 and reply.json()["error"]["code"] == "no_such_path"
    for kind in (
        "application/x-www-form-urlencoded",
        "application/vnd.bentoml+pickle",
        "multipart/form-data",
    ):
        reply = client.post("/late/predict", content=b"x", headers={"content-type": kind})
        assert reply.status_code == 415 and reply.json()["error"]["code"] == "not_json"
    zipped = {"content-type": "application/json", "content-encoding": "gzip"}
    assert client.post("/late/predict", content=b"x", headers=zipped).status_code == 415


def test_a_large_body_is_413_by_its_stated_and_by_its_true_length(client):
    headers = {"content-type": "application/json"}
    stated = client.post("/late/predict", content=b" " * (front.MAX_BODY_BYTES + 1), headers=headers)
    assert stated.status_code == 413 and stated.json()["error"]["code"] == "body_too_large"

    def pieces():
        for _ in range(front.MAX_BODY_BYTES // 65_536 + 2):
            yield b" " * 65_536

    unstated = client.post("/late/predict", content=pieces(), headers=headers)
    assert unstated.status_code == 413


def test_a_body_at_the_limit_is_still_read(client, row):
    import json

    text = json.dumps({"rows": [row]}).encode()
    padded = text[:-1] + b" " * (front.MAX_BODY_BYTES - len(text)) + b"}"
    headers = {"content-type": "application/json"}
    assert client.post("/late/predict", content=padded, headers=headers).status_code == 200


def test_slow_bodies_end_with_408_and_hold_nobody_up(client, row, monkeypatch):
    monkeypatch.setattr(front, "BODY_SECONDS", 0.5)
    host, port = client.base_url.host, client.base_url.port
    answers = []

    def trickle():
        with socket.create_connection((host, port), timeout=10) as slow:
            slow.sendall(
                b"POST /late/predict HTTP/1.1\r\nHost: x\r\n"
                b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
            )
            answers.append(slow.recv(4096))

    slow = [threading.Thread(target=trickle) for _ in range(40)]
    for each in slow:
        each.start()
    assert client.post("/late/predict", json={"rows": [row]}).status_code == 200
    for each in slow:
        each.join(10)
    assert len(answers) == 40 and all(b" 408 " in answer for answer in answers)


def test_the_page_at_the_root_loads_nothing_from_elsewhere(client):
    page = client.get("/")
    assert page.status_code == 200 and "default-src 'self'" in page.headers["content-security-policy"]
    assert "//" not in page.text.replace("<!DOCTYPE html>", "")
    for path in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert client.get(f"/static_content/{path}").status_code == 200
