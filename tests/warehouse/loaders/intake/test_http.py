"""An HTTP interface that pages in every way and fails at times: what is read, retried, and sent to whom."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.warehouse.loaders.intake.declaring import order, orders
from tests.warehouse.loaders.intake.loading import counts, load
from tests.warehouse.loaders.intake.shop_api import shop_api
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake import bookkeeping, quarantine

NUMBERED = {"pages": {"kind": "page_number", "at": "page"}}
QUICK = {"requests_per_second": 1000, "backoff_s": 0.01, "attempts": 4}


@pytest.fixture
def api():
    with shop_api() as server:
        server.orders = [order(n, paid_at=f"2013-01-{n + 1:02d}T00:00:00Z") for n in range(25)]
        yield server


def load_api(wh, api, table=None, token="canary", **options):
    table = table or orders(read="numbered", options=NUMBERED)
    return load(wh, "http", table, token, base_url=api.url, **{**QUICK, **options})


@pytest.mark.parametrize(
    ("path", "options"),
    [("numbered", NUMBERED),
     ("linked", {"pages": {"kind": "next_link", "at": "paging.next"}, "rows": "data.items"}),
     ("header", {"pages": {"kind": "link_header"}}),
     ("marked", {"pages": {"kind": "cursor", "at": "next", "parameter": "cursor"}, "rows": "items"})],
)  # fmt: skip
def test_every_kind_of_paging_brings_every_row(wh, api, path, options):
    assert counts(load_api(wh, api, orders(read=path, options=options))) == (25, 25, 0, 0)
    assert {token for _, _, token in api.seen} == {"Bearer canary"}
    place = wh.scalar("select source_position from raw.shop__orders where order_id = 24")
    assert place == f"{path}: order_id 24"


def test_what_fails_is_tried_again(wh, api):
    api.failing = [429, 503, "hang up"]
    assert counts(load_api(wh, api)) == (25, 25, 0, 0)
    assert [given.get("page") for _, given, _ in api.seen] == ["1"] * 4 + ["2", "3", "4"]


def test_it_waits_as_long_as_the_answer_says(wh, api):
    api.failing = [(429, {"Retry-After": "1"})]
    began = time.monotonic()
    load_api(wh, api)
    assert time.monotonic() - began >= 1.0, "a back-off of 0.01 s alone would be far sooner"


def test_requests_keep_their_distance(wh, api):
    began = time.monotonic()
    load_api(wh, api, requests_per_second=10)
    assert len(api.seen) == 4 and time.monotonic() - began >= 0.3


def test_what_goes_on_failing_ends_the_load_and_tells_no_token(wh, api):
    api.failing = [500] * 4
    with pytest.raises(LoadError, match=r"500.*out of order") as fault:
        load_api(wh, api)
    assert len(api.seen) == 4
    api.seen.clear()
    with pytest.raises(LoadError, match="401"):
        load_api(wh, api, token="wrong-canary")
    assert len(api.seen) == 1 and "canary" not in str(fault.value), "a refusal is not tried again"


def test_by_a_parameter_only_what_is_new_is_asked_for(wh, api):
    options = {**NUMBERED, "since": "since", "since_start": "2013-01-11"}
    table = orders(read="numbered", cursor="paid_at", options=options)
    api.orders.reverse()
    assert counts(load_api(wh, api, table)) == (15, 15, 0, 0)
    assert bookkeeping.positions(wh, "shop__orders") == {"": "2013-01-25T00:00:00Z"}
    api.orders.append(order(99, paid_at="2013-02-01T00:00:00Z"))
    assert counts(load_api(wh, api, table)) == (2, 1, 1, 0)


def test_a_load_cut_short_asks_for_all_of_it_again(wh, api):
    table = orders(read="numbered", cursor="paid_at", options={**NUMBERED, "since": "since"})
    api.orders.reverse()
    api.failing = [None, None, 404]
    with pytest.raises(LoadError, match="404"):
        load_api(wh, api, table)
    assert wh.scalar("select count(*) from raw.shop__orders") == 20  # the two pages before the fault
    assert counts(load_api(wh, api, table)) == (25, 5, 20, 0)


def test_a_page_without_objects_is_held(wh, api):
    api.orders = [order(1), "two", ["three"]]
    table = orders(read="whole")
    assert counts(load_api(wh, api, table)) == (3, 1, 0, 2)
    assert [row.source_position for row in quarantine.held(wh)] == [
        "whole: page 1, row 2", "whole: page 1, row 3",
    ]  # fmt: skip


def test_the_token_goes_to_no_other_host(wh, api):
    options = {"pages": {"kind": "next_link", "at": "next"}, "rows": "$..items"}
    load_api(wh, api, orders(read="elsewhere", options=options))
    assert [token for _, _, token in api.seen] == ["Bearer canary", None]


@pytest.mark.parametrize(
    ("changes", "options", "text"),
    [({"read": "endless"}, {"rows": "items"}, "pages have no end"),
     ({}, {"pages": {"kind": "scroll"}}, "page_number: at"),
     ({}, {"base_url": "https://me:canary@x"}, "option base_url"), ({"deletes": True}, {}, "deletions")],
)  # fmt: skip
def test_what_cannot_be_read_is_named(wh, api, changes, options, text):
    table = replace(orders(read="numbered", options={**NUMBERED, **options}), **changes)
    with pytest.raises(LoadError, match=text) as fault:
        load_api(wh, api, table)
    assert "canary" not in str(fault.value)
