"""Sources of data: each brings its tables into `raw`, typed, counted, and with the instant each row could be
known.

Adding one's own source takes one module here and one line in `LOADERS`:

    # warehouse/loaders/shop.py
    import pyarrow as pa
    from pathlib import Path
    from warehouse.loaders.declaration import Column, Source, Table

    def known_orders(rows, read):                     # adds known_at, and partition_date where by_day
        rows = rows.append_column("known_at", rows["ordered_at"])
        return rows.append_column("partition_date", rows["ordered_at"].cast(pa.date32()))

    ORDERS = Table("orders", "orders.csv",
                   (Column("order_id", "integer"), Column("ordered_at", "instant", header="OrderedAt"),
                    Column("amount", "number")),
                   key=("order_id",), derive=known_orders, describe="One row per order.", by_day=True)
    SOURCE = Source("shop", (ORDERS,), directory=lambda: Path("/data/shop"))

    # below
    LOADERS = {…, "shop": SourceLoader(shop.SOURCE)}

`LOADERS["shop"].load(settings)` then fills `raw.shop__orders` and writes `raw.load_audit`; all the rest
(reading, checks, dlt, replacing a day, skipping what is there, reconciling) is shared. Belongs here: the
registry. Does not belong: any import of a heavy library; those happen inside the functions that need them.
"""

from __future__ import annotations

from pathlib import Path

from warehouse.loaders import nycflights13
from warehouse.loaders.declaration import LoadError, LoadResult
from warehouse.loaders.intake.declared import declared_sources
from warehouse.loaders.intake.loader import DeclaredLoader
from warehouse.loaders.load import SourceLoader

LOADERS = {
    "nycflights13": SourceLoader(nycflights13.SOURCE),
}

STAGING = Path(__file__).resolve().parents[1] / "models" / "staging"


def declared_loaders(staging: Path = STAGING) -> dict[str, DeclaredLoader]:
    """The loader of every source that is declared in YAML beside its staging models, by name.

    Raises:
        LoadError: a declaration that cannot be used, or a name that a source written in Python has.
    """
    made = {name: DeclaredLoader(source) for name, source in declared_sources(staging).items()}
    for name in made.keys() & LOADERS.keys():
        raise LoadError(
            f"source {name} is both declared in YAML and written in Python", value=name,
            allowed="one of the two", next_step="remove its `loader` entry, or its line in LOADERS",
        )  # fmt: skip
    return made


__all__ = ["LOADERS", "DeclaredLoader", "LoadError", "LoadResult", "SourceLoader", "declared_loaders"]
