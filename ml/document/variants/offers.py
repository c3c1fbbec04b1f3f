"""The variants of one model that may stand in for it: each tested on held-out days, with what it saves.

Belongs here: the grid of variants, the test of each, the list to choose from. Does not belong here: how a
variant is made (`prune`, `quantize`), or where rows and documents come from and go to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.document.evaluate import Answers, Evaluator
from ml.document.schema import DocumentError
from ml.document.variants.cost import Size, Speed, size_of, speeds
from ml.document.variants.non_inferiority import LOSSES, MIN_DAYS, Comparison, Margin, compare_losses
from ml.document.variants.prune import collapse, leaf_spread, prune
from ml.document.variants.quantize import quantize

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.document.schema import Document

HEADS = {"classification": ("sigmoid", "probability"), "regression": ("identity", "exp")}


@dataclass(frozen=True)
class Recipe:
    """One variant to try: a name, and the function that makes it of the full document."""

    name: str
    make: Callable[[Document], Document]


def _pruned(percent: int) -> Recipe:
    return Recipe(f"prune_{percent}", lambda document: prune(document, percent / 100))


def _quantized(bits: int) -> Recipe:
    return Recipe(f"quantize_{bits}", lambda document: quantize(document, bits))


def _collapsed(percent: int) -> Recipe:
    return Recipe(
        f"collapse_{percent}", lambda document: collapse(document, leaf_spread(document) * percent / 100)
    )


def _both(percent: int, bits: int) -> Recipe:
    return Recipe(f"prune_{percent}_quantize_{bits}", lambda d: quantize(prune(d, percent / 100), bits))


GRID: tuple[Recipe, ...] = (
    *(_pruned(percent) for percent in (75, 50, 25)),
    *(_collapsed(percent) for percent in (1, 5)),
    *(_quantized(bits) for bits in (16, 12, 8)),
    *(_both(percent, bits) for percent, bits in ((75, 16), (75, 8), (50, 12), (50, 8), (25, 8))),
)
"""Trees and terms to a percentage, leaves that differ by a percentage of their spread as one, constants to
bits; none of it was chosen by the held-out rows."""


@dataclass(frozen=True)
class Offer:
    """A variant that passed. Sizes and speeds stand beside those of the full model, timed in turns;
    `changed_decisions` is the share of rows for which it decides on another class.
    """

    name: str
    document: Document
    size: Size
    full_size: Size
    speed: Speed
    full_speed: Speed
    comparison: Comparison
    changed_decisions: float

    @property
    def is_non_inferior(self) -> bool:
        return self.comparison.is_non_inferior


@dataclass(frozen=True)
class Refused:
    """A variant that is not offered, and why; `comparison` where there is one."""

    name: str
    reason: str
    comparison: Comparison | None = None


@dataclass(frozen=True)
class Offers:
    """What may be chosen, smallest first, and what may not."""

    offered: tuple[Offer, ...]
    refused: tuple[Refused, ...]


def offer(
    document: Document,
    table: pa.Table,
    label: np.ndarray,
    dates: np.ndarray,
    task: str,
    metric: str | None = None,
    margin: Margin | None = None,
    *,
    grid: Sequence[Recipe] = GRID,
    confidence: float = 0.95,
) -> Offers:
    """Make each variant of `grid`, test it on held-out rows, and time those that pass.

    `table` (n rows) holds the inputs, `label` (n,) the truth (0 and 1 for classification), `dates` (n,) the
    day of each row. The metric is the task's first loss, the margin 0.5 % of the full model's, where none is
    given. Rows for which the full model has no answer are left out.

    A variant that loses the margin is offered with a chance of about 1 - confidence (4 to 6.5 % at 95 %, in
    simulations of 10 to 90 days), whatever the others are; whoever tries many and wants that chance for all
    of them together divides it by their number.

    Raises:
        ValueError: the task, metric, label or dates do not fit the document or the table.
    """
    metric = _checked(document, table, label, dates, task, metric)
    margin = margin or Margin()
    full = Evaluator(document)
    answers = full.table(table)
    offered: list[Offer] = []
    refused: list[Refused] = []
    seen = {_contents(document): "the full model"}
    for recipe in grid:
        variant = _made(recipe, document, seen)
        if isinstance(variant, str):
            refused.append(Refused(recipe.name, variant))
            continue
        evaluator = Evaluator(variant)
        found = evaluator.table(table)
        verdict = _tested(metric, label, answers, found, dates, margin, confidence)
        if isinstance(verdict, Comparison) and verdict.is_non_inferior:
            offered.append(_offer(recipe.name, full, evaluator, table, (answers, found), verdict))
        else:
            refused.append(_refusal(recipe.name, verdict))
    return Offers(tuple(sorted(offered, key=lambda one: one.size.bytes)), tuple(refused))


def _made(recipe: Recipe, document: Document, seen: dict[str, str]) -> Document | str:
    """The variant, noted in `seen` by its contents; or why there is nothing to test."""
    try:
        variant = recipe.make(document)
    except DocumentError as error:
        return f"cannot be made: {error}"
    key = _contents(variant)
    if key in seen:
        return f"is the same as {seen[key]}"
    seen[key] = recipe.name
    if len(variant.text) >= len(document.text):
        return "is not smaller than the full model"
    return variant


def _offer(
    name: str, full: Evaluator, variant: Evaluator, table: pa.Table, answers: tuple[Answers, Answers],
    comparison: Comparison,
) -> Offer:  # fmt: skip
    full_speed, speed = speeds(full, variant, table)
    return Offer(
        name=name,
        document=variant.document,
        size=size_of(variant.document),
        full_size=size_of(full.document),
        speed=speed,
        full_speed=full_speed,
        comparison=comparison,
        changed_decisions=float(np.mean(answers[0].decision != answers[1].decision)),
    )


def _tested(
    metric: str, label: np.ndarray, full: Answers, variant: Answers, dates: np.ndarray, margin: Margin,
    confidence: float,
) -> Comparison | str:  # fmt: skip
    """The comparison over the rows that the full model answers, or why there is none."""
    one, two = full.scores[:, 0], variant.scores[:, 0]
    differing = int(np.sum(np.isnan(one) != np.isnan(two)))
    if differing:
        return f"{differing} rows have an answer of only one of the two"
    rows = ~np.isnan(one)
    if not rows.any():
        return "the full model answers none of the rows"
    return compare_losses(
        metric, label[rows], one[rows], two[rows], dates[rows], margin, confidence=confidence
    )


def _refusal(name: str, verdict: Comparison | str) -> Refused:
    if isinstance(verdict, str):
        return Refused(name, verdict)
    if verdict.days < MIN_DAYS:
        reason = f"rows of {verdict.days} days; at least {MIN_DAYS} are needed to tell"
    elif np.isnan(verdict.bound):
        reason = f"the bound of its extra {verdict.metric} cannot be told"
    else:
        reason = f"not shown to be within the margin: {verdict}"
    return Refused(name, reason, verdict)


def _contents(document: Document) -> str:
    """What tells documents apart beside where they come from."""
    parts = {name: part for name, part in document.to_dict().items() if name != "source"}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _checked(
    document: Document, table: pa.Table, label: np.ndarray, dates: np.ndarray, task: str, metric: str | None
) -> str:
    if task not in LOSSES:
        raise ValueError(f"task {task!r}; allowed: {', '.join(LOSSES)}.")
    if document.head.kind not in HEADS[task] or len(document.margins) != 1:
        raise ValueError(
            f"task {task} with head {document.head.kind} and {len(document.margins)} margins; allowed: "
            f"{' or '.join(HEADS[task])} with one margin."
        )
    metric = metric or LOSSES[task][0]
    if metric not in LOSSES[task]:
        raise ValueError(f"metric {metric!r} for {task}; allowed: {', '.join(LOSSES[task])}.")
    if not len(label) == len(dates) == table.num_rows > 0:
        raise ValueError(
            f"{len(label)} labels and {len(dates)} dates for {table.num_rows} rows; allowed: one each, "
            "and at least one row."
        )
    if not np.isfinite(label).all() or (task == "classification" and not np.isin(label, (0.0, 1.0)).all()):
        kind = "0 and 1" if task == "classification" else "finite numbers"
        raise ValueError(f"labels hold others than {kind}. Leave out rows without a known label.")
    return metric
