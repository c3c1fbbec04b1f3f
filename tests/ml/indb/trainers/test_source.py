"""Folds as filters in SQL hold the same rows as the folds of the library's search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.cross_validation import folds
from ml.indb.errors import InDatabaseError
from ml.indb.trainers.source import source_of
from ml.train import read_rows
from tests.ml.warehouse_star import FOLDS


def positions(star, source, where):
    rows = star.wh.query(
        f'select flight_key from {source.relation(where)} as r order by flight_date, flight_key collate "C"'
    )
    return [row["flight_key"] for row in rows]


def test_folds_hold_the_rows_that_the_library_would_take(star):
    source = star.source("classification")
    # A label that becomes known late must keep its row out of the folds that open before.
    star.wh.execute(
        "update training.trn_late set label_known_at = label_known_at + interval '20 days' "
        "where flight_key < '1' and split = 'train'"
    )
    rows = read_rows(star.wh, star.specs["classification"], star.training_set_now(), "train")
    keys = np.array(positions(star, source, "true"))
    assert len(keys) == len(rows.label) == source.rows
    for number, fold in enumerate(folds(rows, FOLDS), start=1):
        assert positions(star, source, source.trains(number)) == keys[fold.train].tolist()
        assert positions(star, source, source.validates(number)) == keys[fold.validation].tolist()
    assert positions(star, source, source.trains(None)) == keys.tolist()


def test_fewer_dates_than_blocks_are_refused(star):
    source = star.source("classification")
    place = ("training", "trn_late")
    with pytest.raises(
        InDatabaseError, match="90 dates of training rows; allowed: at least 100 for 99 folds"
    ):
        source_of(star.wh, place, "flight_key", "flight_date", source.features, source.task, 99)
    assert replace(source, folds=()).trains(None) == "true"
