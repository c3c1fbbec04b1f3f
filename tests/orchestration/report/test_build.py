"""The page: whole, self-contained, escaped, with true numbers, and clear where a stage has not run."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from ml.spec import load_specs
from orchestration.report import build, write_report
from warehouse.client import open_warehouse

VOID = {"meta", "link", "br", "img", "hr", "input", "rect", "path"}


class Page(HTMLParser):
    """The page as a browser would read it: balanced tags, ids, links, text outside of scripts, figures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.words: list[str] = []
        self.figures: list[dict] = []
        self.scripts = 0
        self._is_figure = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.scripts += tag == "script"
        self._is_figure = given.get("type") == "application/json"
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        self.loads += [given["src"]] if "src" in given else []

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            if self._is_figure and data.strip():
                self.figures.append(json.loads(data))
        elif not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def check_whole(page: Page) -> None:
    assert page.open == [] and page.loads == []
    assert len(page.ids) == len(set(page.ids))
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links), page.links


@pytest.fixture(scope="module")
def page(house, tmp_path_factory):
    path = write_report(house, tmp_path_factory.mktemp("report"))
    assert path.name == "starhouse.html"
    return path


def test_an_empty_warehouse_gives_a_page_that_says_what_to_run(fresh_database, tmp_path):
    path = write_report(fresh_database(), tmp_path / "empty.html")
    page = Page(path.read_text(encoding="utf-8"))
    check_whole(page)
    for command in (
        "starhouse run load",
        "starhouse train late_arrival",
        "starhouse run monitor",
        "starhouse score",
    ):
        assert command in page.text
    assert "not built" in page.text and page.figures == []


def test_the_page_of_the_house_is_whole_small_and_asks_nothing_of_the_network(page):
    text = page.read_text(encoding="utf-8")
    check_whole(Page(text))
    assert page.stat().st_size < 6_000_000
    assert text.count("plotly.js v") >= 1 and "default-src 'none'" in text
    assert "Nothing here yet" not in text


def test_its_numbers_are_those_of_the_warehouse(page, house):
    found = Page(page.read_text(encoding="utf-8"))
    with open_warehouse(house) as wh:
        counts = [
            wh.scalar(f"select count(*) from {name}")
            for name in ("core.fct_flight", "ml.prediction", "raw.nycflights13__weather")
        ]
        champions = wh.query(
            """select c.model_name, v.artifact_sha256, m.metric, m.value from ml.model_champion c
               join ml.model_version v using (model_name, version)
               join ml.model_metric m using (model_name, version)
               where m.split = 'test' and m.subject = 'model'"""
        )
    assert all(f"{count:,}" in found.text for count in counts)
    assert {row["model_name"] for row in champions} == set(load_specs())
    for row in champions:
        assert row["artifact_sha256"][:12] in found.text
        assert build.number(float(row["value"])) in found.text, row


def test_every_model_has_its_card_drift_and_outcomes(page):
    found = Page(page.read_text(encoding="utf-8"))
    kinds = {}
    for figure in found.figures:
        for trace in figure["data"]:
            kinds[trace["type"]] = kinds.get(trace["type"], 0) + 1
    assert kinds["heatmap"] == len(load_specs())
    for name, spec in load_specs().items():
        assert f"model-{name}" in found.ids
        assert spec.owner in found.text and spec.description.strip() in found.text
        assert re.sub(r"\s+", " ", spec.prediction_point) in found.text


def test_hostile_text_stays_text(house_copy, tmp_path):
    settings = house_copy()
    bad = "</script><script>alert('x')</script><b onclick=1>"
    with open_warehouse(settings) as wh:
        wh.execute("alter table ml.promotion_event disable trigger user")
        wh.execute("update ml.promotion_event set reason = %(bad)s, actor = %(bad)s", {"bad": bad})
        wh.execute("update raw.load_audit set source_file = %(bad)s", {"bad": bad})
        wh.execute("update ml.drift set name = %(bad)s where name = 'distance_mi'", {"bad": bad})
        wh.execute(
            "update ml.feature_importance set feature = %(bad)s where feature = 'carrier_id'", {"bad": bad}
        )
    text = write_report(settings, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text and "<b onclick" not in text
    page = Page(text)
    check_whole(page)
    assert bad in page.text
    assert any(bad in trace.get("y", []) for figure in page.figures for trace in figure["data"])


def test_a_page_that_fails_leaves_the_old_one(fresh_database, tmp_path, monkeypatch):
    target = tmp_path / "page.html"
    target.write_text("old", encoding="utf-8")

    def fail(content):
        raise RuntimeError("no page")

    monkeypatch.setattr(build, "render", fail)
    with pytest.raises(RuntimeError):
        write_report(fresh_database(), target)
    assert target.read_text(encoding="utf-8") == "old" and list(tmp_path.iterdir()) == [target]


def test_numbers_and_sizes_read_well():
    assert build.number(336776) == "336,776" and build.number(None) == "–"
    assert build.number(0.123456) == "0.1235" and build.number(123456.7) == "123,457"
    assert (
        build.size(999) == "999 B"
        and build.size(47_512) == "47.5 kB"
        and build.size(3_200_000_000) == "3.2 GB"
    )
    assert build.rounded("measured 0.6394561922188559 of 109619 rows") == "measured 0.6395 of 109619 rows"
