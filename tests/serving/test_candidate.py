"""A version that is no champion answers over the service's own HTTP stack, with the bits of its evaluator."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ml.document.parity import row_answers
from ml.predictor import Predictor
from serving.candidate import http_surface
from tests.ml.small_model import random_rows, registered_late
from warehouse.client import open_warehouse


def test_a_candidate_answers_with_the_bits_of_its_document(wh):
    (version,) = registered_late(wh)
    predictor = Predictor.load(wh, "late", version.version)
    rows = random_rows(1_200)
    for _ in range(2):  # an app may be made again in one process
        with http_surface(predictor) as ask:
            answers = ask(rows)
        expected = row_answers(predictor.document, rows)
        assert answers.margins.tobytes() == expected.margins.tobytes()
        assert answers.scores.tobytes() == expected.scores.tobytes()
        assert (answers.decision == expected.decision).all()


def test_what_the_service_refuses_is_no_answer(wh):
    (version,) = registered_late(wh)
    infinite = random_rows(1).set_column(1, "departure_hour", pa.array([np.inf]))
    with http_surface(Predictor.load(wh, "late", version.version)) as ask, pytest.raises(RuntimeError):
        ask(infinite)


def test_a_candidate_is_asked_beside_a_running_service(client, asked):
    """`client` is a service in this process, whose measures are registered already."""
    with open_warehouse(asked.settings) as wh:
        predictor = Predictor.load(wh, "late")
    rows = random_rows(5)
    with http_surface(predictor) as ask:
        assert ask(rows).margins.tobytes() == predictor.evaluator.table(rows).margins.tobytes()
    assert client.get("/readyz").status_code == 200
