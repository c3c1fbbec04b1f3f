"""Systems of whole numbers: exact, refined to 33 digits, or known to have no single solution.

Belongs here: the two ways of solving. Does not belong here: fits.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from ml.indb import rational
from ml.indb.rational import nearest, solve, square_root
from ml.indb.refine import refined


def gram(count: int, seed: int, size: int = 1000) -> list[list[int]]:
    """Cross products of made columns, the first of them ones."""
    random = np.random.default_rng(seed)
    x = np.round(random.normal(size=(3 * count, count)) * size + random.integers(0, 9, count) * size)
    x[:, 0] = 1
    whole = np.array([[int(value) for value in row] for row in x], dtype=object)
    return whole.T.dot(whole).tolist()


def fractions(values: np.ndarray, bottom: int) -> list[list[Fraction]]:
    return [[Fraction(int(value), bottom) for value in row] for row in values]


def test_the_inverse_is_exact():
    matrix = gram(7, 1)
    solved = solve(matrix, [[row[2]] for row in matrix])
    product = np.array(matrix, dtype=object).dot(solved.inverse)
    assert np.array_equal(product, np.eye(7, dtype=object) * solved.denominator)
    assert solved.solutions[:, 0].tolist() == [0, 0, solved.denominator, 0, 0, 0, 0]
    assert solved.dependent == {}


@pytest.mark.parametrize("size", [1, 1000, 10**12])
def test_refinement_is_right_to_33_digits(size: int):
    matrix = gram(12, 2, max(size, 3))
    right = [[int(i == j) for j in range(12)] for i in range(12)]
    exact, found = solve(matrix, right), refined(matrix, right)
    assert found is not None
    pairs = zip(
        fractions(found.solutions, found.denominator),
        fractions(exact.solutions, exact.denominator),
        strict=True,
    )
    columns = list(zip(*(map(list, zip(*rows, strict=True)) for rows in pairs), strict=True))
    for column in columns:
        largest = max(abs(sure) for _, sure in column)
        assert all(abs(got - sure) <= largest / 10**33 for got, sure in column)


def test_large_systems_are_refined_and_dependent_ones_are_not(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rational, "LARGE", 5)
    matrix = gram(9, 3)
    solved = solve(matrix, [[row[4]] for row in matrix])
    assert solved.denominator.bit_count() == 1
    assert abs(Fraction(int(solved.solutions[4, 0]), solved.denominator) - 1) < Fraction(1, 10**33)
    assert solve(matrix, [], inverse=False).inverse.shape == (9, 0)
    for row in matrix:
        row.append(row[1] + 2 * row[3])
    matrix.append([one + 2 * two for one, two in zip(matrix[1], matrix[3], strict=True)])
    assert refined(matrix, [[0]] * 10) is None
    assert solve(matrix, []).dependent == {9: {1: 1, 3: 2}}


def test_nothing_is_claimed_without_a_proof():
    assert refined([[1, 1], [1, 1]], [[1], [1]]) is None
    assert refined([[0]], [[1]]) is None
    near = [[10**40, 10**40], [10**40, 10**40 + 1]]
    assert refined(near, [[1], [1]]) is None
    assert solve(near, [[10**40], [10**40 + 1]]).dependent == {}


def test_roots_and_quotients_are_nearest():
    assert square_root(Fraction(2)) == 2**0.5
    assert square_root(Fraction(1, 3)) == pytest.approx((1 / 3) ** 0.5, rel=2e-16)
    assert square_root(Fraction(10**400)) == 1e200
    assert square_root(Fraction(1, 10**400)) == 1e-200
    assert square_root(Fraction(0)) == square_root(Fraction(-1)) == 0.0
    assert nearest(Fraction(1, 10)) == 0.1
    assert nearest(Fraction(-(10**400))) == float("-inf")
