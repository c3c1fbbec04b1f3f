"""What a trainer in the warehouse is to this project: a name, its tasks and parameters, and how it is opened.

Belongs here: the small types that every trainer and the search share. Does not belong here: any trainer (one
module a family), nor the list of them (the package's `TRAINERS`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ml.algorithms.registry import Parameter
    from ml.document import Document
    from ml.indb.trainers.source import Source
    from ml.indb.training_plan import TrainingPlan
    from warehouse.client import Warehouse


@dataclass(frozen=True)
class Fit:
    """One fit: its document (one margin, no threshold of ours yet), the share of each feature in what it
    uses (they sum to 1, or are all 0), by name of a feature or term why it was left out, and how the rows
    were read, in words.
    """

    document: Document
    importance: Mapping[str, float]
    left_out: Mapping[str, str] = field(default_factory=dict)
    how: str = ""


class Session(Protocol):
    """A trainer at work on one source. What it measured once serves every fit."""

    bytes_out: int
    """What left the warehouse for the fits so far: sums, histograms, quantiles."""

    def fit(self, params: Mapping[str, Any], fold: int | None) -> Fit:
        """Fit on the rows that fold `fold` trains on (1, 2, …), or on all training rows.

        Raises:
            InDatabaseError: the rows cannot be trained on: names the column.
        """


@dataclass(frozen=True)
class Trainer:
    """`open(wh, source, seed, way)` begins a session; `way` is the planner's choice, which a trainer follows
    where it has it. `work`: what the planner must know of a fit with these parameters, beside the rows.
    `errors_of`: mean squared errors of many candidates (of classes, log losses) on the rows that a fold holds
    out, (candidates,), without scoring a row: where it is there, a search by RMSE scores none. `path`: the
    candidates where a declaration does not name the parameter `path_over`. `plan`: the plan of a trainer that
    has one way and needs no estimate.
    """

    name: str
    tasks: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    open: Callable[[Warehouse, Source, int, str], Session]
    work: Callable[[Mapping[str, Any]], dict[str, Any]]
    errors_of: Callable[[Any, list[Mapping[str, Any]], int], list[float]] | None = None
    path: Callable[[Any, Mapping[str, Any]], list[dict[str, Any]]] | None = None
    plan: Callable[[Source], TrainingPlan] | None = None
    path_over: str = "alpha"
