"""Generalised linear models inside the warehouse: logistic, multinomial, Poisson and gamma regression.

The maximum of the likelihood with standard errors, deviance and AIC, as R's `glm` has them. Rows do not
leave: they become a short-lived table of covariate patterns or of rows (`ml.indb.glm_table`), and each step
of Newton's method is one statement of sums over it. The same bits in any order of rows and with any workers.

Belongs here: the entry and the fit. Does not belong here: its document (`ml.indb.glm_document`), the choice
of a penalty (`ml.indb.glm_search`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ml.indb.columns import Category, Number
from ml.indb.elastic_net import one_thread
from ml.indb.errors import InDatabaseError
from ml.indb.fitting import dropped, fitting
from ml.indb.glm_deviance import deviance_of
from ml.indb.glm_dispersion import pearson
from ml.indb.glm_family import family_of
from ml.indb.glm_fit import GlmFit
from ml.indb.glm_newton import Newton, dependent, newton, solved
from ml.indb.glm_pass import GlmPass
from ml.indb.glm_penalty import check_penalty, check_standardize, penalty_matrix, spread_of
from ml.indb.glm_profile import Profile, profile
from ml.indb.glm_rows import GlmRows, glm_rows
from ml.indb.glm_separation import refuse_separated, separation_doubt
from ml.indb.glm_start import near_start, started
from ml.indb.glm_table import GlmTable, glm_table
from ml.indb.glm_terms import GlmTerms, glm_terms, raw_coefficients, raw_map

if TYPE_CHECKING:
    from warehouse.client import Warehouse


def fit_glm(
    wh: Warehouse,
    relation: str,
    columns: Sequence[str | Number | Category],
    target: str,
    family: str,
    *,
    where: str | None = None,
    weight: str | None = None,
    penalty: float = 0.0,
    standardize: bool | str = False,
    patterns: bool | None = None,
) -> GlmFit:
    """Fit `target` on numbers and categories of a relation, SQL that may stand behind FROM.

    `family`: "logistic" (two classes, the second counts as 1), "multinomial" (against the first class),
    "poisson" or "gamma" (both with the logarithm as link). `where` is SQL on the relation's columns. `weight`
    names a column that says how often a row counts. `penalty` is that of mean log-likelihood - penalty / 2 ·
    Σ b², scikit-learn's `alpha` of PoissonRegressor, 1 / (C · rows) of LogisticRegression; with it every
    category has a column. `standardize` counts each column in its deviation first, a missing number as the
    mean; "numbers" leaves columns of categories as they are. `patterns`: collapse rows of equal covariates,
    None where a count says that it pays.

    Raises:
        InDatabaseError: bad settings; a column or target that cannot be fitted on, named; columns that follow
            from others; without a penalty, classes that are separated, which have no maximum.
        WarehouseError: a column does not exist, or a statement fails.
    """
    check_penalty(penalty)
    check_standardize(standardize)
    with fitting(wh), one_thread():
        rows = glm_rows(wh, relation, columns, target, family, where, weight)
        found = profile(wh, rows)
        if not penalty:
            refuse_separated(rows, found)
        table = glm_table(wh, rows, found, patterns)
        with dropped(wh, table.table):
            return fitted(wh, rows, found, table, penalty, standardize)


def fitted(
    wh: Warehouse, rows: GlmRows, found: Profile, table: GlmTable, penalty: float, standardize: bool | str
) -> GlmFit:
    """The fit on all lines of a table.

    Raises:
        InDatabaseError: columns that follow from others, separation, or no end.
    """
    margins = len(table.totals)
    terms = glm_terms(rows, found, table, margins, every_level=penalty > 0.0)
    run = GlmPass(wh, table, terms, family_of(rows.family, margins, table.largest))
    doubt = separation_doubt(wh, rows, found, run) if not penalty else lambda direction: None
    spread = spread_of(wh, run) if penalty and standardize else None
    ridge = penalty_matrix(run, penalty, spread, levels=standardize is True)
    near = near_start(wh, run, ridge)
    if near is not None:
        ended = newton(run, near[0], near[1], ridge, doubt)
    else:
        start, peak, first = started(run)
        if not penalty:
            refuse_dependent(terms, first.information[0, :, 0, :], table.rows)
        ended = newton(run, start, peak, ridge, doubt, first)
    return _closed(wh, rows, found, run, ended, ridge, penalty)


def refuse_dependent(terms: GlmTerms, products: np.ndarray, rows: int) -> None:
    """
    Raises:
        InDatabaseError: a column follows from others in every row.
    """
    for place, weights in dependent(products).items():
        others = [terms.names[at] for at in weights if at]
        made = f"a weighted sum of {', '.join(map(repr, others))}" if others else "the same"
        raise InDatabaseError(
            f"column {terms.names[place]!r} is {made} in all {rows} rows, within a millionth of its "
            "deviation, so coefficients cannot be told apart; allowed: columns of which none follows from "
            f"others. Leave out {terms.names[place]!r}."
        )


def _closed(
    wh: Warehouse, rows: GlmRows, found: Profile, run: GlmPass, ended: Newton, ridge: np.ndarray,
    penalty: float,
) -> GlmFit:  # fmt: skip
    table, terms, size = run.table, run.terms, ended.theta.size
    sums, information = ended.sums, ended.sums.information
    dispersion = 1.0
    if rows.family == "gamma":
        expected = family_of(rows.family, 1, table.largest, is_expected=True)
        again = GlmPass(wh, table, terms, expected)
        information = again(ended.theta, sums.peak).information
        run.bytes_out += again.bytes_out
    free = table.weight - size
    chi2 = None if rows.classifies else pearson(wh, run, ended.theta, rows.family == "gamma")
    if rows.family == "gamma":
        dispersion = chi2 / free if free > 0 else float("nan")
    covariance = solved(information.reshape(size, size) + ridge, np.eye(size)) * dispersion
    matrix = raw_map(terms, table)
    wide = np.kron(np.eye(len(ended.theta)), matrix)
    known = deviance_of(rows.family, sums.kernel, table.weight, table.totals, table.moments, size)
    return GlmFit(
        family=rows.family, target=rows.target, classes=tuple(found.groups) if rows.classifies else (),
        terms=terms.terms, references=terms.references, rows=table.rows, weight=table.weight,
        coefficients=np.array([raw_coefficients(matrix, row) for row in ended.theta]),
        covariance=wide @ covariance @ wide.T, dispersion=dispersion, pearson=chi2, known=known,
        penalty=penalty, steps=ended.steps, decrement=ended.decrement,
        lines=table.lines, passes=run.count, bytes_out=table.bytes_out + run.bytes_out, kinds=rows.kinds,
    )  # fmt: skip
