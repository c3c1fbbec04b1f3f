"""The small star's training set as trainers in the warehouse see it, and the same rows for a library.

Belongs here: what tests of warehouse training share. Does not belong here: assertions.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ml.feature_frame import to_frame
from ml.indb.trainers.source import Source, source_of
from ml.spec import ModelSpec
from ml.spec_fields import Algorithm
from ml.training_set import TrainingSet, build_training_set
from tests.ml.small_star import REGRESSION, build_star, declared
from warehouse.client import Warehouse

FOLDS = 3


class WarehouseStar:
    """Both tasks on one database: declarations and training sets."""

    def __init__(self, wh: Warehouse, folder: Path) -> None:
        build_star(wh)
        self.wh = wh
        self.specs = {"classification": declared(folder), "regression": declared(folder, *REGRESSION)}
        self._sets: dict[str, TrainingSet] = {}

    def spec(self, task: str, name: str, features: list[str] | None = None, **params: object) -> ModelSpec:
        """The declaration with another algorithm, in the warehouse."""
        chosen = Algorithm(name=name, params=params, features=features and tuple(features))
        return self.specs[task].model_copy(update={"engine": "warehouse", "algorithm": chosen})

    def rebuild(self) -> None:
        """The star as it was, after a test that changed it."""
        self.wh.execute("drop schema core, features cascade")
        build_star(self.wh)

    def training_set(self, task: str) -> TrainingSet:
        """Built for this task: one table serves both, so the last task asked for stands."""
        self._sets.pop(task, None)
        self._sets[task] = build_training_set(self.wh, self.specs[task])
        return self._sets[task]

    def training_set_now(self) -> TrainingSet:
        """The one that was built last, whatever was done to its rows since."""
        return list(self._sets.values())[-1]

    def source(self, task: str, features: list[str] | None = None) -> Source:
        """The training rows of this task, in three folds."""
        self.training_set(task)
        spec = self.spec(task, "linear", features)
        kinds = {one.name: one.kind for one in spec.fitted_features}
        place = ("training", f"trn_{spec.name}")
        return source_of(self.wh, place, spec.key_column, spec.date_column, kinds, task, FOLDS)

    def rows(self, task: str, where: str = "split = 'train'") -> tuple[pd.DataFrame, np.ndarray]:
        """Features and label of rows of the table that stands, in order of date and key."""
        table = self.wh.fetch_arrow(
            f"select *, label::text as shown from training.trn_late where {where} "
            'order by flight_date, flight_key collate "C"'
        )
        known = {"true": 1.0, "false": 0.0}
        label = [known[text] if text in known else float(text) for text in table.column("shown").to_pylist()]
        return to_frame(self.specs[task].features, table), np.array(label)
