"""The statements of a model's training, scoring and monitoring that read the most, to be estimated
beforehand.

One scan of what a step reads stands for it, with how many scans it makes; small reads (checks, the
registry) are not counted. Belongs here: which statement and how often. Does not belong here: estimating
(`warehouse.client`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.algorithms import candidates, of_engine
from ml.feature_query import feature_sql
from ml.training_checks import check_engine
from ml.training_set import SCHEMA, training_sql
from warehouse.client import quote
from warehouse.client.cost import Step

if TYPE_CHECKING:
    from ml.spec import ModelSpec
    from warehouse.client import Warehouse

MEASURING = 2
"""Scans of the rows that are scored to measure a fit, and of the scores."""


def model_steps(wh: Warehouse, spec: ModelSpec) -> list[Step]:
    """In the order in which they run.

    Raises:
        TrainingSetError: an engine is declared that this warehouse has not.
    """
    check_engine(wh, spec)
    table = f"{SCHEMA}.trn_{spec.name}"
    rows = quote(SCHEMA, f"trn_{spec.name}")
    steps = [
        Step("train", f"build {table}", training_sql(spec), spec.split.model_dump()),
        Step("train", f"fingerprint {table}", f"select * from {rows}"),
    ]
    for name, one in spec.contenders().items():
        steps += _fits(name, one, rows)
    features = feature_sql(spec)
    scores = f"select flight_date, score, model_version from {quote('ml', f'prd_{spec.name}')}"
    return [
        *steps,
        Step("score", f"score {spec.name}", features, note="the feature tables, once"),
        Step("monitor", f"drift of {spec.name}'s features", features, note="the feature tables, once"),
        Step("monitor", f"drift of {spec.name}'s score", scores),
    ]


def _fits(name: str, spec: ModelSpec, rows: str) -> list[Step]:
    """What a contender's search and last fit scan, and what is scanned to measure it."""
    columns = [
        *(one.name for one in spec.fitted_features),
        "label",
        "split",
        spec.date_column,
        "label_known_at",
    ]
    scan = f"select {', '.join(map(quote, columns))} from {rows}"
    title = f"fit {spec.name}" + ("" if name == "declared" else f" ({name})")
    if spec.engine == "library":
        return [Step("train", title, scan, note="rows are read out once")]
    tried = sum(1 for _ in candidates(spec.algorithm))
    fits = tried * spec.cross_validation.folds + 1
    measure = Step("train", f"measure {spec.name}" + title.removeprefix(f"fit {spec.name}"), scan,
                   times=tried + MEASURING, note=f"{tried} candidates out of fold, then the fit")  # fmt: skip
    if spec.engine == "bqml":
        creates = Step("train", f"{title}: CREATE MODEL", scan, times=fits, is_priced=False,
                       note=f"{fits} models; CREATE MODEL has a price list of its own")  # fmt: skip
        return [Step("train", f"{title}: columns", scan, times=2), creates, measure]
    scans, note = _scans(spec, fits)
    return [Step("train", title, scan, times=scans, note=note), measure]


def _scans(spec: ModelSpec, fits: int) -> tuple[int, str]:
    """How many scans of the training rows all fits make, and in words why."""
    work = of_engine(spec.engine)[spec.algorithm.name].work(next(candidates(spec.algorithm)))
    if work["trainer"] == "cofactors":
        return 2, "one scan to declare the columns, one of sums for every fit"
    if work["trainer"] == "passes":
        return fits * (work["rounds"] + 2), f"{work['rounds']} passes and 2 more, {fits} fits"
    return 2 * fits, f"bins and cells, {fits} fits; trained by rows, each level of a tree is a scan more"
