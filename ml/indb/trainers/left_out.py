"""Which features of some training rows tell no two of them apart, by one scan.

Trainers that refuse such columns are given the others, and the diagnosis goes with the model. Belongs here:
that scan. Does not belong here: the same from cofactors (`ml.indb.trainers.terms`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.indb.errors import InDatabaseError
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from ml.indb.trainers.source import Source
    from warehouse.client import Warehouse


def left_out_of(wh: Warehouse, source: Source, fold: int | None) -> tuple[dict[str, str], int]:
    """By feature why it is left out of the rows that the fold trains on, and the bytes that were read.

    Raises:
        InDatabaseError: no row, or no feature varies.
    """
    parts = []
    for at, (name, kind) in enumerate(source.features.items()):
        x = f"r.{POSTGRES.name_of(name)}"
        value = {"boolean": f"{x}::int", "category": f'{x}::text collate "C"'}.get(kind, x)
        parts.append(f"count({x}) as n{at}, min({value})::text as low{at}, max({value})::text as high{at}")
    relation = source.relation(source.trains(fold))
    row = wh.query(f"select count(*) as rows, {', '.join(parts)} from {relation} as r")[0]
    where, found = f"in all {row['rows']} training rows", {}
    for at, name in enumerate(source.features):
        if not row[f"n{at}"]:
            found[name] = f"is missing {where}"
        elif row[f"n{at}"] == row["rows"] and row[f"low{at}"] == row[f"high{at}"]:
            found[name] = f"is {row[f'low{at}']!r} {where}"
    if len(found) == len(source.features):
        raise InDatabaseError(
            f"no feature varies {where}{'' if fold is None else f' of fold {fold}'}; allowed: at least one. "
            "Widen the window."
        )
    return found, sum(len(str(value)) for value in row.values())
