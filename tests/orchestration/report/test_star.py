"""The star schema of the report: what the manifest says, and the drawing."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from orchestration.report.star_chapter import star_edges
from orchestration.report.star_drawing import BOX_HEIGHT, BOX_WIDTH, WIDTH, Edge, Table, draw, place

MANIFEST = {
    "nodes": {
        "model.x.fct_a": {"name": "fct_a", "resource_type": "model"},
        "model.x.dim_b": {"name": "dim_b", "resource_type": "model"},
        "test.x.one": {
            "name": "one",
            "attached_node": "model.x.fct_a",
            "column_name": "b_key",
            "test_metadata": {"name": "relationships", "kwargs": {"to": "ref('dim_b')", "field": "b_key"}},
        },
        "test.x.many": {
            "name": "many",
            "attached_node": "model.x.fct_a",
            "test_metadata": {
                "name": "foreign_keys",
                "kwargs": {"references": {"other_b_key": {"to": 'ref("dim_b")', "field": "b_key"}}},
            },
        },
        "test.x.else": {
            "name": "else",
            "attached_node": "model.x.fct_a",
            "column_name": "b_key",
            "test_metadata": {"name": "not_null", "kwargs": {}},
        },
    }
}


def test_both_kinds_of_foreign_key_test_make_an_edge():
    assert star_edges(MANIFEST) == [Edge("fct_a", "b_key", "dim_b"), Edge("fct_a", "other_b_key", "dim_b")]


def test_boxes_do_not_overlap_and_stay_inside():
    tables = [Table(f"dim_{i}", "", 1, 1) for i in range(9)] + [Table(f"fct_{i}", "", 1, 1) for i in range(3)]
    places, height = place(tables, [])
    corners = sorted(places.values())
    assert len(set(corners)) == 12
    for x, y in corners:
        assert 0 <= x <= WIDTH - BOX_WIDTH and 0 <= y <= height - BOX_HEIGHT
    for (x, y), (next_x, next_y) in zip(corners, corners[1:], strict=False):
        assert next_x != x or next_y >= y + BOX_HEIGHT


def test_the_drawing_is_xml_with_every_key_and_escapes_names():
    tables = [Table("fct_<a>", 'says "hi" & more', 1234, 3), Table("dim_b", "", None, 2)]
    svg = draw(tables, [Edge("fct_<a>", "b_key", "dim_b"), Edge("fct_<a>", "other_b_key", "dim_b")])
    root = ElementTree.fromstring(svg)
    text = "".join(root.itertext())
    assert "1,234 rows, 3 columns" in text and "not built, 2 columns" in text
    assert "fct_<a>: b_key, other_b_key → dim_b" in text and "<a>" not in svg
    paths = [element for element in root.iter() if element.tag.endswith("path")]
    assert len(paths) == 1
