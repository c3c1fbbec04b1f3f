"""A fitted generalised linear model: coefficients, their errors and tests.

Belongs here: what is read off a fit. Does not belong here: fitting (`ml.indb.glm`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.indb.design import Term
from ml.indb.errors import InDatabaseError
from ml.indb.glm_deviance import Deviance
from ml.indb.linear import INTERCEPT, intervals_of, student


@dataclass(frozen=True)
class GlmFit:
    """A fit on `rows` rows of `weight` in all.

    `coefficients` (M, P) per unit of the columns, the intercept first, one row a predictor: the log odds of
    each class but the first against it, or the logarithm of the mean. `covariance` (M P, M P), with a penalty
    the inverse of the penalised information. `dispersion` is 1, for gamma that of Pearson's statistic
    (`pearson`). `steps` of Newton's method, `decrement` the squared length of the last in standard errors.
    `lines`: covariate patterns, or rows. `bytes_out`: what left the warehouse, in bytes of text.
    """

    family: str
    target: str
    classes: tuple[Any, ...]
    terms: tuple[Term, ...]
    references: Mapping[str, str | None]
    rows: int
    weight: float
    coefficients: np.ndarray
    covariance: np.ndarray
    dispersion: float
    pearson: float | None
    known: Deviance
    penalty: float
    steps: int
    decrement: float
    lines: int
    passes: int
    bytes_out: int
    kinds: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        return [INTERCEPT, *(term.name for term in self.terms)]

    @property
    def deviance(self) -> float:
        return self.known.deviance

    @property
    def null_deviance(self) -> float:
        """Of the mean alone."""
        return self.known.null_deviance

    @property
    def log_likelihood(self) -> float:
        return self.known.log_likelihood

    @property
    def aic(self) -> float:
        """Without a penalty; with one, its coefficients count as if they were free."""
        return self.known.aic

    @property
    def degrees(self) -> float:
        """Degrees of freedom of the residuals: weight less coefficients."""
        return self.weight - self.coefficients.size

    @property
    def standard_errors(self) -> np.ndarray:
        """(M, P)."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0)).reshape(self.coefficients.shape)

    @property
    def z_values(self) -> np.ndarray:
        """Coefficients in standard errors (M, P); for gamma they follow Student's t."""
        errors = self.standard_errors
        return np.divide(self.coefficients, errors, out=np.full(errors.shape, np.nan), where=errors > 0.0)

    @property
    def p_values(self) -> np.ndarray:
        """Two-sided (M, P), by the normal distribution, for gamma by Student's t."""
        from scipy.special import ndtr

        z = self.z_values
        if self.family == "gamma":
            return np.array([student(row, self.degrees) for row in z.tolist()])
        return 2.0 * ndtr(-np.abs(z))

    def intervals(self, level: float = 0.95) -> np.ndarray:
        """Wald's confidence intervals (M, P, 2).

        Raises:
            InDatabaseError: a level outside (0, 1).
        """
        from scipy.special import ndtri

        if not 0.0 < level < 1.0:
            raise InDatabaseError(f"confidence level is {level!r}; allowed: between 0 and 1.")
        values, errors = self.coefficients, self.standard_errors
        if self.family == "gamma":
            rows = zip(values.tolist(), errors.tolist(), strict=True)
            return np.array([intervals_of(one, error, self.degrees, level) for one, error in rows])
        wide = float(ndtri(0.5 + level / 2)) * errors
        return np.stack([values - wide, values + wide], axis=-1)

    def table(self, level: float = 0.95) -> list[dict[str, Any]]:
        """One dict a coefficient: class (of several), name, coefficient, standard_error, z, p, low, high."""
        parts = self.coefficients, self.standard_errors, self.z_values, self.p_values, self.intervals(level)
        found = []
        for m in range(len(self.coefficients)):
            for at, name in enumerate(self.names):
                b, error, z, p, (low, high) = (part[m, at].tolist() for part in parts)
                row = {"class": self.classes[m + 1]} if len(self.classes) > 2 else {}
                found.append({
                    **row, "name": name, "coefficient": b, "standard_error": error, "z": z, "p": p,
                    "low": low, "high": high,
                })  # fmt: skip
        return found
