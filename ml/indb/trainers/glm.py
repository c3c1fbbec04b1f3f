"""Logistic, Poisson and gamma regression in the warehouse: each fit is Newton's method on a filter of rows.

The penalties are scikit-learn's: `C` of LogisticRegression, `alpha` of PoissonRegressor and GammaRegressor,
on numbers and indicators divided by their deviation. Belongs here: the three trainers. Does not belong here:
the fit (`ml.indb.glm`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml.algorithms.registry import Parameter
from ml.document import Builder, Document, Head
from ml.indb.columns import Category, Number
from ml.indb.discriminants import ABOVE_ZERO
from ml.indb.glm import fit_glm
from ml.indb.linear_document import source_of
from ml.indb.trainers.encoding import Encoding, declarations, encoded_margin, shares_of
from ml.indb.trainers.left_out import left_out_of
from ml.indb.trainers.registry import Fit, Trainer
from ml.indb.trainers.source import LABEL
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from ml.indb.glm_fit import GlmFit
    from ml.indb.trainers.source import Source
    from warehouse.client import Warehouse

PASSES = 8
"""Scans that the planner counts a fit as."""


@dataclass
class Glm:
    """Fits of one `family`: logistic, poisson or gamma."""

    wh: Warehouse
    source: Source
    family: str
    bytes_out: int = 0

    def fit(self, params: Mapping[str, Any], fold: int | None) -> Fit:
        wh, source = self.wh, self.source
        left_out, read = left_out_of(wh, source, fold)
        names = [name for name in source.numbers if name not in left_out]
        where = source.trains(fold)
        numbers = {one.name: one for one in declarations(wh, source, names)} if names else {}
        columns = [numbers.get(name) or Category(name) for name in source.features if name not in left_out]
        relation = source.relation(where)
        rows = int(wh.scalar(f"select count(*) from {relation} as r"))
        penalty = 1.0 / (float(params.get("C", 1.0)) * rows)
        if self.family != "logistic":
            penalty = float(params.get("alpha", 1.0))
        fit = fit_glm(
            wh, relation, columns, LABEL, self.family, penalty=penalty, standardize=True,
        )  # fmt: skip
        self.bytes_out += fit.bytes_out + read
        fills, spreads, more = self._means(relation, list(numbers.values()))
        self.bytes_out += more
        encoding = Encoding({name: (0, value) for name, value in fills.items()}, {})
        values = fit.coefficients[0].tolist()
        sizes: dict[str, float] = {}
        for term, value in zip(fit.terms, values[1:], strict=True):
            size = abs(value) * (spreads[term.column] if term.kind == "number" else 1.0)
            sizes[term.column] = sizes.get(term.column, 0.0) + size
        document = self._document(fit, encoding, values)
        how = f"{fit.passes} passes over {fit.lines:,} lines of {fit.rows:,} rows"
        return Fit(document, shares_of(sizes, source.features), left_out, how)

    def _document(self, fit: GlmFit, encoding: Encoding, values: list[float]) -> Document:
        builder = Builder(self.family)
        margin = encoded_margin(
            builder, encoding, fit.terms, values[1:], values[0], self.source.features, "margin"
        )
        head = Head("exp")
        if self.family == "logistic":
            head = Head("sigmoid", (False, True), ABOVE_ZERO)
        return builder.document([margin], head, source_of(self.family))

    def _means(self, relation: str, numbers: list[Number]) -> tuple[dict[str, float], dict[str, float], int]:
        """What stands for a missing number: 0 where training has an indicator for it, as the fit has it, else
        the mean; deviations of the known values; bytes read. Whole numbers are summed, so the order of rows
        changes nothing.
        """
        parts, units = [], []
        for at, one in enumerate(numbers):
            x = f"r.{POSTGRES.name_of(one.name)}"
            units.append(10 ** (one.decimals or 0))
            kind = "int" if self.source.features[one.name] == "boolean" else "float8"
            steps = f"round({x}::{kind} * {POSTGRES.number(float(units[-1]))})::numeric"
            parts.append(
                f"count({x})::float8 as n{at}, sum({steps}) as s{at}, sum({steps} * {steps}) as q{at}"
            )
        if not parts:
            return {}, {}, 0
        row = self.wh.query(f"select {', '.join(parts)} from {relation} as r")[0]
        fills, spreads = {}, {}
        for at, one in enumerate(numbers):
            mean = float(row[f"s{at}"]) / row[f"n{at}"] / units[at]
            square = float(row[f"q{at}"]) / row[f"n{at}"] / units[at] ** 2
            fills[one.name] = 0.0 if one.missing == "indicator" else mean
            spreads[one.name] = max(square - mean**2, 0.0) ** 0.5
        return fills, spreads, sum(len(str(value)) for value in row.values())


def _work(params: Mapping[str, Any]) -> dict[str, Any]:
    return {"trainer": "passes", "rounds": PASSES, "open_ways": ("cells", "joined")}


def _trainer(family: str, task: str, parameters: Mapping[str, Parameter]) -> Trainer:
    def open_(wh: Warehouse, source: Source, seed: int, way: str) -> Glm:
        return Glm(wh, source, family)

    return Trainer(family, (task,), parameters, open_, _work)


_ALPHA = {"alpha": Parameter(float, low=1e-12, high=1e6)}
LOGISTIC = _trainer("logistic", "classification", {"C": Parameter(float, low=1e-6, high=1e6)})
POISSON = _trainer("poisson", "regression", _ALPHA)
GAMMA = _trainer("gamma", "regression", _ALPHA)
