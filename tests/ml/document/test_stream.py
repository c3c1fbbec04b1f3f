"""The streamed path writes what the SQL says, to the same bits.

Belongs here: the stream of rows and answers. Does not belong here: when it is chosen.
"""

from __future__ import annotations

import pyarrow as pa
import pytest

from ml.document import DocumentError
from ml.document.adversarial import adversarial_rows
from ml.document.parity import same_bits
from ml.document.sql import scoring_sql
from ml.document.stream import stream_scoring
from ml.document.warehouse_answers import answers_of
from tests.ml.document.documents import every_operation, logistic
from warehouse.client import WarehouseError

ROWS = 400


def stored(wh, document):
    rows = adversarial_rows(document, cap=ROWS)
    wh.load_arrow("public", "rows", rows.add_column(0, "id", pa.array(range(ROWS), pa.int64())), "create")


def test_a_stream_writes_the_bits_of_the_sql(wh):
    document = logistic()
    stored(wh, document)
    listed = "id bigint, margin double precision, score double precision, decision bigint"
    wh.execute(f"create table given ({listed})")
    done = stream_scoring(wh, document, "rows", ["id"], ("public", "given"), ["margin", "score", "decision"])
    assert done.rows == ROWS and done.bytes_out > done.bytes_in > 0
    given = answers_of(wh.fetch_arrow("select * from given order by id"), document)
    want = answers_of(wh.fetch_arrow(scoring_sql(document, "rows", ["id"])).sort_by("id"), document)
    assert same_bits(given.margins, want.margins).all()
    assert same_bits(given.scores, want.scores).all()
    assert (given.decision == want.decision).all()


def test_several_margins_are_named_and_an_unknown_answer_is_refused(wh):
    document = every_operation()
    stored(wh, document)
    wh.execute("create table given (id bigint, margin_1 double precision)")
    assert stream_scoring(wh, document, "rows", ["id"], ("public", "given"), ["margin_1"]).rows == ROWS
    with pytest.raises(DocumentError, match=r"no answers \['margin'\]; allowed: margin_0"):
        stream_scoring(wh, document, "rows", ["id"], ("public", "given"), ["margin"])


def test_a_failure_writes_nothing(wh):
    document = logistic()
    stored(wh, document)
    wh.execute("create table given (id bigint check (id < 300), margin double precision)")
    with pytest.raises(WarehouseError):
        stream_scoring(wh, document, "rows", ["id"], ("public", "given"), ["margin"])
    assert wh.scalar("select count(*) from given") == 0


def test_an_input_of_another_kind_is_named_and_nothing_is_written(wh):
    document = logistic()
    stored(wh, document)
    first = document.inputs[0].name
    others = ", ".join(f'"{name}"' for name in ("id", *document.input_names[1:]))
    wh.execute("create table given (id bigint, margin double precision)")
    wrong = f"(select 'much' as \"{first}\", {others} from rows)"
    with pytest.raises(DocumentError, match=f"input '{first}': a column of type string"):
        stream_scoring(wh, document, wrong, ["id"], ("public", "given"), ["margin"])
    assert wh.scalar("select count(*) from given") == 0
