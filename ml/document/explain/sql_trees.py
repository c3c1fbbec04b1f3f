"""The Shapley values of trees in SQL: the paths as arrays, the rule of Gauss-Legendre written out.

Belongs here: the SELECT over the paths. Does not belong here: the method (`ml.document.explain.tree_shap`),
the query around it (`ml.document.explain.sql`).

A group of leaves with paths of one width is one SELECT in four levels, each closed by a fence so that the
planner computes a column once: whether a row meets each condition, the factors at each point of the rule,
their products, and the value of each place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.explain.arrays import integers, numbers, truths
from ml.document.explain.tree_shap import gauss
from ml.document.schema import DocumentError
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from ml.document.explain.contributions import Explainer
    from ml.document.explain.paths import Group, Paths
    from ml.document.explain.plan import Ensemble

MAX_WIDTH = 52
"""Columns on one path: the factors of a wider one are more columns than Postgres takes in a SELECT."""

MAX_COLUMNS = 800
"""Columns that an explanation reads: the scoring SQL names each twice, as a margin and as a score."""

MAX_CONDITIONS = 500_000
"""Conditions in one query, some 60 bytes of its text each."""

SMALLEST = 1e-280
"""No product of factors may come near the end of a double's range, where Postgres raises."""


class SqlTrees:
    """The trees of an explainer's margins, as SELECTs of `output`, `input`, `part` for a row `r`."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer
        self._ensembles = [
            (output, ensemble, paths)
            for output, (part, own) in enumerate(zip(explainer.parts, explainer.paths, strict=True))
            for ensemble, paths in zip(part.ensembles, own, strict=True)
        ]
        self._codes = self._all_codes()
        self._inputs = np.zeros(len(explainer.columns.margins), dtype=int)
        for _, ensemble, _ in self._ensembles:
            self._inputs[list(ensemble.columns)] = np.array(ensemble.inputs) + 1
        self._check_size()

    def codes(self, columns: Sequence[str]) -> list[str]:
        """The array `codes` of a row, if a set is tested: by column its value's place among the codes."""
        if not self._codes:
            return []
        places = [
            f"coalesce(array_position({numbers(self._codes[place])}, {name}), {len(self._codes[place]) + 1})"
            if place in self._codes
            else "0"
            for place, name in enumerate(columns)
        ]
        return [f"array[{', '.join(places)}]::int[] as codes"]

    def selects(self) -> Iterator[str]:
        for output, ensemble, paths in self._ensembles:
            for group in paths.groups:
                yield self._select(output, ensemble, paths, group)

    def _select(self, output: int, ensemble: Ensemble, paths: Paths, group: Group) -> str:
        by_set = [j for j in range(group.width) if group.mask[j].any()]
        names, arrays = self._arrays(ensemble, paths, group, by_set)
        text = f"unnest(\n{_lines(arrays)}\n) as l1({', '.join(names)})"
        for number, level in enumerate(_levels(group, by_set), start=2):
            text = f"(\n  select {', '.join(level)}\n  from {text}\n  {POSTGRES.fence}\n) as l{number}"
        has_zero = bool((group.share == 0.0).any())
        values = [_value(j, group.width // 2, has_zero) for j in range(group.width)]
        inputs = [f"({integers(self._inputs)})[c{j}]" for j in range(group.width)]
        return (
            f"select {output}, unnest(array[{', '.join(inputs)}]), unnest(array[{', '.join(values)}])\n"
            f"from {text}"
        )

    def _arrays(
        self, ensemble: Ensemble, paths: Paths, group: Group, by_set: list[int]
    ) -> tuple[list[str], list[str]]:
        """A group as arrays by leaf, with their names: the column, interval and share of each place."""
        names, arrays = ["value"], [numbers(group.value)]
        columns = np.array(ensemble.columns)[group.operand] + 1
        for j in range(group.width):
            names += [f"{name}{j}" for name in ("c", "low", "high", "missing", "z")]
            arrays += [integers(columns[j]), numbers(group.low[j]), numbers(group.high[j])]
            arrays += [truths(group.missing[j]), numbers(group.share[j])]
        names += [f"mask{j}" for j in by_set]
        return names, arrays + [self._masks(ensemble, paths, group, j) for j in by_set]

    def _masks(self, ensemble: Ensemble, paths: Paths, group: Group, place: int) -> str:
        """By leaf a text with a 1 for every code that passes, the last for all others; '' where all do."""
        found: dict[tuple[int, int], str] = {}
        for operand, mask in {*zip(group.operand[place].tolist(), group.mask[place].tolist(), strict=True)}:
            own, every = paths.codes[operand].tolist(), self._codes.get(ensemble.columns[operand], [])
            at = [own.index(code) if code in own else len(own) for code in every] + [len(own)]
            passes = "".join("1" if paths.masks[mask, one] else "0" for one in at)
            found[operand, mask] = passes if mask else ""
        pairs = zip(group.operand[place].tolist(), group.mask[place].tolist(), strict=True)
        return f"string_to_array('{','.join(found[pair] for pair in pairs)}', ',')"

    def _all_codes(self) -> dict[int, list[float]]:
        """By column the codes that any ensemble's sets name."""
        found: dict[int, set[float]] = {}
        for _, ensemble, paths in self._ensembles:
            for column, codes in zip(ensemble.columns, paths.codes, strict=True):
                if len(codes):
                    found.setdefault(column, set()).update(codes.tolist())
        return {column: sorted(codes) for column, codes in found.items()}

    def _check_size(self) -> None:
        groups = [group for _, _, paths in self._ensembles for group in paths.groups]
        read = len(self._explainer.columns.margins)
        wide = max((group.width for group in groups), default=0)
        total = sum(group.operand.size for group in groups)
        least = min(map(_least, groups), default=1.0)
        for what, value, allowed, is_over in (
            ("columns", read, MAX_COLUMNS, read > MAX_COLUMNS),
            ("columns on one path", wide, MAX_WIDTH, wide > MAX_WIDTH),
            ("conditions", total, MAX_CONDITIONS, total > MAX_CONDITIONS),
            ("the smallest part of a value", least, SMALLEST, least < SMALLEST),
        ):
            if is_over:
                raise DocumentError(
                    f"{self._explainer.document.name} cannot be explained in one query: {what} {value}; "
                    f"allowed: {allowed}. Explain it in Python."
                )


ONE, ZERO = POSTGRES.number(1.0), POSTGRES.number(0.0)


def _levels(group: Group, by_set: list[int]) -> Iterator[list[str]]:
    """The columns of the levels: d = o - z; the factors f = z + t · d; their products p, with the weights."""
    places, rule = range(group.width), list(zip(*gauss(group.width // 2), strict=True))
    kept = ["value", *(f"c{j}" for j in places)]
    yield [
        *kept,
        *(f"z{j}" for j in places),
        *(f"case when {_met(j, j in by_set)} then {ONE} else {ZERO} end - z{j} as d{j}" for j in places),
    ]
    kept += [f"d{j}" for j in places]
    yield kept + [
        f"z{j} + {POSTGRES.number(at)} * d{j} as f{j}_{q}" for j in places for q, (at, _) in enumerate(rule)
    ]
    kept += [f"f{j}_{q}" for j in places for q in range(len(rule))]
    yield kept + [
        " * ".join([POSTGRES.number(weight), *(f"f{j}_{q}" for j in places)]) + f" as p{q}"
        for q, (_, weight) in enumerate(rule)
    ]


def _met(j: int, by_set: bool) -> str:
    inside = f"r.x[c{j}] between low{j} and high{j}"
    if by_set:
        inside += f" and (mask{j} = '' or substr(mask{j}, r.codes[c{j}], 1) = '1')"
    return f"case when r.x[c{j}] is null then missing{j} else {inside} end"


def _value(j: int, points: int, has_zero: bool) -> str:
    """v · d · Σ p / f. Where a factor is 0, so is d, whatever the rest is."""
    quotients = [
        f"coalesce(p{q} / nullif(f{j}_{q}, {ZERO}), {ZERO})" if has_zero else f"p{q} / f{j}_{q}"
        for q in range(points)
    ]
    return f"value * d{j} * ({' + '.join(quotients)})"


def _least(group: Group) -> float:
    """A lower bound of all sizes above zero that occur on the way to a value of the group."""
    at, weight = gauss(group.width // 2)
    shares = np.where(group.share > 0.0, group.share, 1.0)
    gap = float(np.where(shares < 1.0, np.minimum(shares, 1.0 - shares), 1.0).min())
    smallest: Any = shares.prod(axis=0).min() * (1.0 - at.max()) ** group.width * weight.min()
    return float(min(1.0, np.abs(group.value).min()) * gap * smallest)


def _lines(parts: Sequence[str]) -> str:
    return ",\n".join(f"  {part}" for part in parts)
