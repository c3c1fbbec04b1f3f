"""Training every contender of a model, and holding the contest between them.

The declared contender must train: what stands in its way stops the run. A challenger that fails says why, in
the contest and in the log, and stops nothing. Belongs here: that order of steps. Does not belong here: who
wins (`ml.contest`), fitting (`ml.train`), assets (`stages.train`).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestration.stages.standing import gates_of, same_version, selection_value

if TYPE_CHECKING:
    from ml.contest import Contender
    from ml.fitted_model import FittedModel
    from ml.spec import ModelSpec
    from warehouse.client import Warehouse

Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What training a model came to: its training set, the version that stands for it (the contest's winner,
    or the declared contender's where none may be promoted), that version's verdicts, and the contest.
    """

    training_set: Any
    version: int
    gates: list[dict[str, Any]]
    parity: list[dict[str, Any]]
    is_reused: bool
    contest: list[dict[str, Any]]

    @property
    def is_passed(self) -> bool:
        return bool(self.gates) and all(gate["is_passed"] for gate in self.gates)

    @property
    def is_equal(self) -> bool:
        return bool(self.parity) and all(surface["is_equal"] for surface in self.parity)


def train_contenders(wh: Warehouse, spec: ModelSpec, is_forced: bool, code: str, say: Say) -> Outcome:
    """Build the training set, then fit, register and judge each contender; one that is unchanged is not
    fitted again unless forced.

    A challenger is fitted in a thread and session of its own while the declared contender is: a library's
    fit leaves the warehouse idle, and one core of two.
    """
    from ml import registry
    from ml.training_set import build_training_set

    registry.ensure_schema(wh)
    training_set = build_training_set(wh, spec)
    say(f"{spec.name}: {training_set.train_rows:,} rows to train on, {training_set.test_rows:,} to test on")
    standing, due = {}, {}
    for name, declared in spec.contenders().items():
        found = None if is_forced else same_version(wh, declared, training_set.content_sha256, code)
        if found is None:
            due[name] = declared
        else:
            say(f"{spec.name}: same rows, declaration and code as version {found.version}: not fitted again")
            standing[name] = found.version
    made = _fitted(wh, due, training_set, say)
    contenders = []
    for name, declared in spec.contenders().items():
        fitted = made.get(name)
        if isinstance(fitted, Exception):
            contenders.append(_failed(declared, name, fitted))
            continue
        if fitted is not None:
            standing[name] = _registered(wh, name, fitted, training_set, code, say)
        contenders.append(_contender(wh, declared, name, standing[name]))
    contest = registry.hold_contest(wh, spec.name, contenders)
    for row in contest if len(contest) > 1 else []:
        verdict = "put up for promotion" if row["is_winner"] else "not put up"
        say(f"{spec.name}: {row['contender']} ({row['algorithm']}) is {verdict}: {row['reason']}")
    winner = next((row for row in contest if row["is_winner"]), contest[0])
    return _outcome(wh, spec, training_set, winner["version"], winner["contender"] not in due, contest)


def _fitted(
    wh: Warehouse, due: dict[str, ModelSpec], training_set: Any, say: Say
) -> dict[str, FittedModel | Exception]:
    """What training each gave; a challenger's may be the error that stopped it."""
    from threadpoolctl import threadpool_limits

    from ml.train import train
    from ml.train_in_warehouse import calibrate

    for declared in due.values():
        calibrate(wh, declared, training_set)  # before, so that no other fit disturbs what is measured
    found: dict[str, FittedModel | Exception] = {}
    # One thread of linear algebra in each: sums in several may differ in bits, by what runs beside them.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(1) as beside:
        running = {
            name: beside.submit(_beside, wh, declared, training_set)
            for name, declared in due.items()
            if name != "declared"
        }
        if "declared" in due:
            found["declared"] = train(wh, due["declared"], training_set, progress=say)
        for name, one in running.items():
            found[name], lines = one.result()
            for line in lines:
                say(f"{name} of {line}")
    return found


def _beside(wh: Warehouse, spec: ModelSpec, training_set: Any) -> tuple[FittedModel | Exception, list[str]]:
    """Train in a session of its own; what it would have said is said by the caller's thread."""
    from ml.train import train
    from warehouse.client import open_warehouse

    lines: list[str] = []
    try:
        with open_warehouse(wh.settings) as own:
            return train(own, spec, training_set, progress=lines.append), lines
    except Exception as error:  # whatever it is, a challenger that fails must not stop the declared one
        return error, lines


def _registered(wh: Warehouse, name: str, fitted: FittedModel, training_set: Any, code: str, say: Say) -> int:
    """The version of a fitted contender, judged by its gates and compared on every surface."""
    from ml import registry
    from ml.predictor import Predictor
    from serving.candidate import http_surface

    spec = fitted.spec
    version = registry.register(wh, fitted, training_set, code).version
    with http_surface(Predictor.load(wh, spec, version)) as http:
        registry.judge_version(wh, spec.name, version, fitted.sample, http)
    say(f"{spec.name}: version {version} ({name}): gates judged, evaluators compared")
    return version


def _contender(wh: Warehouse, spec: ModelSpec, name: str, version: int) -> Contender:
    from ml.contest import Contender
    from ml.registry_parity import differences, parity_of

    refused = [gate["gate"] for gate in gates_of(wh, spec.name, version) if not gate["is_passed"]]
    wrong = differences(parity_of(wh, spec.name, version))
    obstacles = [f"refused by its gates: {', '.join(refused)}"] if refused else []
    obstacles += [f"its evaluators differ: {wrong}"] if wrong else []
    value = selection_value(wh, spec.name, version)
    return Contender(
        name, spec.engine, spec.algorithm.name, version, spec.selection_metric, value, "; ".join(obstacles)
    )


def _failed(spec: ModelSpec, name: str, error: Exception) -> Contender:
    from ml.contest import Contender
    from ml.fitted_model import TrainingError

    kind = "" if isinstance(error, TrainingError) else f"{type(error).__name__}: "
    reason = f"did not train: {kind}{' '.join(str(error).split())}"
    return Contender(name, spec.engine, spec.algorithm.name, None, spec.selection_metric, None, reason)


def _outcome(
    wh: Warehouse, spec: ModelSpec, training_set: Any, version: int, is_reused: bool,
    contest: list[dict[str, Any]],
) -> Outcome:  # fmt: skip
    from ml.registry import parity_of

    gates, parity = gates_of(wh, spec.name, version), parity_of(wh, spec.name, version)
    return Outcome(training_set, version, gates, parity, is_reused, contest)
