"""A tree, a forest and gradient boosting from the warehouse: each fit scans, bins and grows on filtered rows,
but that rows which left for a fold serve all of its fits.

Bins are cut on the rows that train, so a fold's bins know nothing of what it holds out. Belongs here: the
three trainers, parameters to settings. Does not belong here: training (`ml.indb.train_trees`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ml.algorithms.registry import Parameter
from ml.indb.exported_rows import held_bytes
from ml.indb.held_losses import held_losses
from ml.indb.train_trees import TreeData, exported_trees, train_trees
from ml.indb.trainers.encoding import shares_of
from ml.indb.trainers.left_out import left_out_of
from ml.indb.trainers.registry import Fit, Trainer
from ml.indb.trainers.source import LABEL
from ml.indb.training_work import MEMORY_BYTES
from ml.indb.tree_settings import Boosting, Forest, Growth, TreeRows
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from ml.indb.trainers.source import Source
    from warehouse.client import Warehouse


MOST_BINS = 64
COUNTED, FEW_TREES, MOST_TREES = "n_estimators", 20, 100
"""A forest has a few trees where their number is not declared; boosting as many as lose least out of fold."""

HELD = "__is_held"
MEMORY_ROWS = 1_000_000
"""Up to so many rows, cells fit into memory however little they repeat: two bytes a feature, 33 beside."""


@dataclass
class Trees:
    """Fits by `family`: tree, forest or gradient_boosting."""

    wh: Warehouse
    source: Source
    family: str
    seed: int
    way: str
    bytes_out: int = 0
    _held: dict[tuple[int | None, int], TreeData] = field(default_factory=dict)
    _curves: dict[tuple, tuple[float, ...]] = field(default_factory=dict)

    def fit(self, params: Mapping[str, Any], fold: int | None) -> Fit:
        left_out, read = left_out_of(self.wh, self.source, fold)
        rows = self._rows(fold, left_out)
        settings = _settings(self.family, params, self.seed, len(rows.features))
        bins, engine = params.get("max_bins", MOST_BINS), self._engine()
        if engine == "export":
            trained = self._exported(fold, rows, bins).train(rows, settings, self.family)
        else:
            trained = train_trees(self.wh, rows, settings, self.family, most_bins=bins, engine=engine)
            self.bytes_out += trained.bytes_out
        self.bytes_out += read
        names, sizes = list(rows.features), dict[str, float]()
        for tree in trained.fitted.trees:
            for node in tree.nodes:
                if node.split is not None:
                    name = names[node.split.feature]
                    sizes[name] = sizes.get(name, 0.0) + float(node.split.gain)
        how = "rows by SQL" if trained.engine == "rows" else f"{trained.rows:,} exported rows in memory"
        if trained.cells is not None:
            where = "in memory" if trained.engine == "memory" else "by SQL"
            how = f"{trained.cells:,} cells of {trained.rows:,} rows {where}"
        return Fit(trained.fitted.document, shares_of(sizes, self.source.features), left_out, how)

    def errors(self, tried: list[Mapping[str, Any]], fold: int) -> list[float]:
        """Mean losses of boosting on the rows that the fold holds out: squared, or of classes the log loss.
        Candidates that differ in their number of trees are grown once.
        """
        rests = [{name: value for name, value in one.items() if name != COUNTED} for one in tried]
        rounds = [one.get(COUNTED, MOST_TREES) for one in tried]
        curves: list[tuple[dict[str, Any], tuple[float, ...]]] = []
        for rest in (one for at, one in enumerate(rests) if one not in rests[:at]):
            most = max(count for count, other in zip(rounds, rests, strict=True) if other == rest)
            curves.append((rest, self._curve(rest | {COUNTED: most}, fold)))
        found = [next(curve for rest, curve in curves if rest == one) for one in rests]
        return [one[min(count, len(one) - 1)] for one, count in zip(found, rounds, strict=True)]

    def _curve(self, params: Mapping[str, Any], fold: int) -> tuple[float, ...]:
        key = (fold, tuple(sorted(params.items())))
        if key not in self._curves:
            left_out, read = left_out_of(self.wh, self.source, fold)
            source = self.source
            inner = source.relation(f"({source.trains(fold)}) or ({source.validates(fold)})")
            marked = f"(select h.*, ({source.validates(fold)}) as {POSTGRES.name_of(HELD)} from {inner} as h)"
            rows = replace(self._rows(fold, left_out), relation=marked, held=HELD)
            settings = _settings(self.family, params, self.seed, len(rows.features))
            bins, engine = params.get("max_bins", MOST_BINS), self._engine()
            found = held_losses(self.wh, rows, [settings], most_bins=bins, engine=engine)
            self.bytes_out += found.bytes_out + read
            self._curves[key] = found.curves[0]
        return self._curves[key]

    def path(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The candidates of a declaration that names no number of trees."""
        return [{**params, COUNTED: count} for count in range(1, MOST_TREES + 1)]

    def _engine(self) -> str:
        """As planned: rows by SQL, rows that leave, or cells."""
        if self.way in ("joined", "export"):
            return {"joined": "rows"}.get(self.way, self.way)
        rows, features = self.source.rows, len(self.source.features)
        is_small = rows <= MEMORY_ROWS and held_bytes(rows, features) <= MEMORY_BYTES
        return "memory" if is_small and self.family != "forest" else "auto"  # a forest draws rows of cells

    def _exported(self, fold: int | None, rows: TreeRows, bins: int) -> TreeData:
        """The rows of a fold, which leave once for all candidates where memory holds every fold's codes."""
        if (fold, bins) not in self._held:
            made = exported_trees(self.wh, rows, bins)
            self.bytes_out += made.tables.bytes_out
            size = sum(one.tables.cells.nbytes for one in (made, *self._held.values()))
            if size > MEMORY_BYTES - held_bytes(self.source.rows, len(self.source.features)):
                return made
            self._held[fold, bins] = made
        return self._held[fold, bins]

    def _rows(self, fold: int | None, left_out: Mapping[str, str]) -> TreeRows:
        source = self.source
        kinds = {name: kind for name, kind in source.features.items() if name not in left_out}

        def named(wanted: str) -> tuple[str, ...]:
            return tuple(name for name, kind in kinds.items() if kind == wanted)

        return TreeRows(
            source.relation(source.trains(fold)), LABEL, named("number"), named("boolean"),
            named("category"), "binary" if source.task == "classification" else "regression",
            key=source.key_column if self.family == "forest" else None,
        )  # fmt: skip


def _settings(family: str, params: Mapping[str, Any], seed: int, features: int) -> Boosting | Forest:
    share = params.get("max_features")
    growth = {
        "max_depth": params.get("max_depth", 6 if family != "forest" else 12),
        "max_leaves": params.get("max_leaf_nodes", 31 if family != "forest" else 512),
        "min_rows": params.get("min_samples_leaf", 20 if family != "forest" else 5),
        "l2": float(params.get("l2_regularization", 0.0)),
        "features": None if share is None else max(1, round(share * features)),
    }
    if family == "gradient_boosting":
        rate = float(params.get("learning_rate", 0.1))
        return Boosting(params.get(COUNTED, MOST_TREES), rate, growth=Growth(**growth), seed=seed)
    count = 1 if family == "tree" else params.get(COUNTED, FEW_TREES)
    return Forest(count, family == "forest", Growth(**growth), seed)


def _trainer(family: str, parameters: Mapping[str, Parameter]) -> Trainer:
    def open_(wh: Warehouse, source: Source, seed: int, way: str) -> Trees:
        return Trees(wh, source, family, seed, way)

    def work(params: Mapping[str, Any]) -> dict[str, Any]:
        settings = _settings(family, params, 0, 1)
        rounds = settings.rounds if isinstance(settings, Boosting) else settings.trees
        growth = settings.growth
        return {
            "trainer": "trees",
            "memory_rows": MEMORY_ROWS,
            # A forest draws rows, which no table of cells holds.
            "open_ways": ("joined", "export") if family == "forest" else None,
            "rounds": rounds,
            "depth": growth.max_depth,
            "leaves": growth.max_leaves,
            "most_bins": params.get("max_bins", MOST_BINS),
        }

    searched = {}
    if family == "gradient_boosting":
        searched = {"errors_of": Trees.errors, "path": Trees.path, "path_over": COUNTED}
    tasks = ("classification", "regression")
    return Trainer(family, tasks, {**_GROWTH, **parameters}, open_, work, **searched)


_GROWTH = {
    "max_depth": Parameter(int, low=1, high=30),
    "max_leaf_nodes": Parameter(int, low=2, high=4096),
    "min_samples_leaf": Parameter(int, low=1, high=100_000),
    "l2_regularization": Parameter(float, low=0.0, high=1e6),
    "max_bins": Parameter(int, low=2, high=1024),
}
_COUNT = {COUNTED: Parameter(int, low=1, high=2000)}
_SHARE = {"max_features": Parameter(float, low=0.01, high=1.0)}
TREE = _trainer("tree", {})
FOREST = _trainer("forest", {**_COUNT, **_SHARE})
GRADIENT_BOOSTING = _trainer(
    "gradient_boosting", {**_COUNT, **_SHARE, "learning_rate": Parameter(float, low=1e-4, high=1.0)}
)
