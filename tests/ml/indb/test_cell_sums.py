"""Sums of cells: the same by single features, by bundles of them, and as Python adds whole numbers.

Belongs here: the addition. Does not belong here: training (`test_tree_training`).
"""

from __future__ import annotations

import numpy as np
import pytest

from ml.indb import cell_sums
from ml.indb.bins import Bins
from ml.indb.cell_sums import CellBins, CellSums
from ml.indb.histograms import Layout

COUNTS = (3, 4, 2)
LAYOUT = Layout(tuple(Bins(f"x{at}", "number", tuple(range(count - 1))) for at, count in enumerate(COUNTS)))


@pytest.mark.parametrize("size", [2**20, 2**58])
@pytest.mark.parametrize("widest", [1, 25, 1000])
def test_histograms_are_exact(monkeypatch, size, widest):
    monkeypatch.setattr(cell_sums, "WIDEST", widest)
    random = np.random.default_rng(4)
    count = 1200
    codes = np.stack([random.integers(-1, most, count) for most in COUNTS])
    rows, h = random.integers(1, 4, count), random.integers(1, size // count, (1, count))
    g = random.integers(-size // count, size // count, (2, count))
    nodes = np.split(np.arange(count), [count // 4])
    made = CellSums(CellBins(LAYOUT, codes), rows, h, g).of(nodes, (1, 0))
    for histogram, cells in zip(made.tolist(), nodes, strict=True):
        expected = [[0] * LAYOUT.size for _ in range(4)]
        for feature, column in enumerate(codes):
            for cell, slot in zip(cells, LAYOUT.slots(feature, column[cells]).tolist(), strict=True):
                for part, values in enumerate((rows, h[0], g[1], g[0])):
                    expected[part][slot] += int(values[cell])
        assert histogram == expected
