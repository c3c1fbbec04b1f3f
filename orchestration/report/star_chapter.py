"""Chapter "Star schema": facts, dimensions and the keys between them, as dbt declares and the warehouse
holds them.

Belongs here: reading the manifest and counting rows. Does not belong here: drawing (`star_drawing`).
"""

from __future__ import annotations

import re
from typing import Any

from orchestration.report.reading import Reading
from orchestration.report.star_drawing import Edge, Table, draw
from warehouse.client import Settings, quote

REFERENCE = re.compile(r"ref\(\s*['\"](\w+)['\"]")


def chapter(reading: Reading, settings: Settings) -> dict[str, Any]:
    """What the template `star.html.j2` shows."""
    from orchestration.dbt_manifest import read_manifest

    manifest = read_manifest(settings)
    tables = star_tables(manifest, reading)
    names = {table.name for table in tables}
    edges = [edge for edge in star_edges(manifest) if edge.fact in names and edge.dimension in names]
    return {"tables": tables, "edges": edges, "drawing": draw(tables, edges) if tables else None}


def star_tables(manifest: dict[str, Any], reading: Reading) -> list[Table]:
    """Facts and dimensions of the manifest; `rows` is None where the table has not been built."""
    found = []
    for node in manifest["nodes"].values():
        name = node["name"]
        if node["resource_type"] != "model" or not name.startswith(("fct_", "dim_")):
            continue
        relation, rows = f"{node['schema']}.{node['alias']}", None
        if reading.has(relation):
            rows = reading.rows(f"select count(*) as n from {quote(node['schema'], node['alias'])}")[0]["n"]
        found.append(Table(name, " ".join(node["description"].split()), rows, len(node["columns"])))
    return sorted(found, key=lambda table: table.name)


def star_edges(manifest: dict[str, Any]) -> list[Edge]:
    """Every foreign key that a dbt test proves, in the order of fact and column."""
    found = set()
    for node in manifest["nodes"].values():
        test, parent = node.get("test_metadata") or {}, node.get("attached_node")
        if not parent or parent not in manifest["nodes"]:
            continue
        child, kwargs = manifest["nodes"][parent]["name"], test.get("kwargs", {})
        if test.get("name") == "relationships":
            found.add((child, node.get("column_name") or kwargs.get("column_name"), kwargs["to"]))
        elif test.get("name") == "foreign_keys":
            found |= {(child, column, reference["to"]) for column, reference in kwargs["references"].items()}
    edges = [
        Edge(child, column, match.group(1)) for child, column, to in found if (match := REFERENCE.search(to))
    ]
    return sorted(edges, key=lambda edge: (edge.fact, edge.column))
