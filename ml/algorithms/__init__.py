"""The algorithms a model file may name. One module each; a new one is a module and a line in `ALGORITHMS`.

Belongs here: the explicit list and the checks against it. Importing this package loads no scikit-learn and
no LightGBM: the modules import them when they build.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from ml.algorithms import forest, gradient_boosting, hist_gradient_boosting, lightgbm, linear, logistic, tree
from ml.algorithms.registry import Algorithm, Parameter
from ml.spec_errors import not_allowed

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from ml.spec_fields import Algorithm as AlgorithmField
    from ml.spec_fields import Feature

__all__ = ["ALGORITHMS", "Algorithm", "Parameter", "build", "candidates", "check_parameters", "of_engine"]

ALGORITHMS: Mapping[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        linear.LINEAR,
        linear.RIDGE,
        logistic.LOGISTIC,
        tree.TREE,
        forest.FOREST,
        gradient_boosting.GRADIENT_BOOSTING,
        hist_gradient_boosting.HIST_GRADIENT_BOOSTING,
        lightgbm.LIGHTGBM,
    )
}

MAX_CANDIDATES = 24


def of_engine(engine: str) -> Mapping[str, Any]:
    """What `algorithm.name` may say by engine: a library's algorithms, the warehouse's trainers, or those of
    BigQuery ML.
    """
    if engine == "library":
        return ALGORITHMS
    if engine == "bqml":
        from ml.bqml import BQML

        return BQML
    from ml.indb.trainers import TRAINERS

    return TRAINERS


def check_parameters(
    declared: AlgorithmField, task: str, engine: str = "library", field: str = "algorithm"
) -> None:
    """Raise (as pydantic's custom error) for an unknown algorithm, task, parameter, value, or a grid that
    is too large. `field` is where the declaration stands in the file.
    """
    known = of_engine(engine)
    fitting = sorted(name for name, algorithm in known.items() if task in algorithm.tasks)
    if declared.name not in fitting:
        where = {"warehouse": " in the warehouse", "bqml": " by BigQuery ML"}.get(engine, "")
        raise not_allowed(declared.name, f"for {task}{where}: {', '.join(fitting)}", f"{field}.name")
    if engine == "bqml":
        from ml.bqml import check

        check(declared, field)
    parameters = {n: p for n, p in known[declared.name].parameters.items() if task in p.tasks}
    for section, entries in (("params", declared.params), ("grid", declared.grid)):
        for name, value in entries.items():
            path = f"{field}.{section}.{name}"
            if name not in parameters:
                raise not_allowed(name, sorted(parameters) or "no parameter", path)
            if section == "grid" and not value:
                raise not_allowed([], "at least one value", path)
            for single in value if section == "grid" else [value]:
                if not parameters[name].accepts(single):
                    raise not_allowed(single, parameters[name].allowed(), path)
            if section == "grid" and name in declared.params:
                raise not_allowed(name, "a parameter in params or in grid, not in both", path)
    count = sum(1 for _ in candidates(declared))
    if count > MAX_CANDIDATES:
        raise not_allowed(f"{count} combinations", f"at most {MAX_CANDIDATES}", f"{field}.grid")


def candidates(declared: AlgorithmField) -> Iterator[dict[str, Any]]:
    """Every combination of the grid over the fixed parameters, in the order of the file."""
    names = list(declared.grid)
    for values in product(*declared.grid.values()):
        yield {**declared.params, **dict(zip(names, values, strict=True))}


def build(
    declared: AlgorithmField, task: str, params: Mapping[str, Any], features: Sequence[Feature]
) -> Pipeline:
    """The unfitted pipeline of one candidate: preprocessing and model together."""
    return ALGORITHMS[declared.name].build(task, params, features, declared.seed)
