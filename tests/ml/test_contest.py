"""Who is put up for promotion: the better one out of fold of those that may be, the declared one on a tie."""

from __future__ import annotations

import math

import pytest

from ml.contest import Contender, decide
from ml.registry_contest import hold_contest, last_contest
from tests.ml.small_model import registered_late
from warehouse.client import WarehouseError

DECLARED = Contender("declared", "library", "lightgbm", 1, "log_loss", 0.30)
CHALLENGER = Contender("challenger", "warehouse", "lda", 2, "log_loss", 0.25)


def other(of: Contender, **changes) -> Contender:
    return Contender(**{**vars(of), **changes})


@pytest.mark.parametrize(
    ("declared", "challenger", "winner"),
    [
        ({}, {}, "challenger"),
        ({}, {"value": 0.35}, "declared"),
        ({}, {"value": 0.30}, "declared"),
        ({}, {"obstacle": "refused by its gates: auc"}, "declared"),
        ({}, {"version": None, "value": None, "obstacle": "did not train: constant"}, "declared"),
        ({}, {"value": math.nan}, "declared"),
        ({"obstacle": "refused by its gates: auc"}, {"value": 0.9}, "challenger"),
        ({"obstacle": "refused"}, {"obstacle": "refused"}, None),
        ({"metric": "auc", "value": 0.7}, {"metric": "auc", "value": 0.6}, "declared"),
    ],
)
def test_the_winner_is_the_better_of_those_that_may(declared, challenger, winner):
    verdicts = decide([other(DECLARED, **declared), other(CHALLENGER, **challenger)])
    assert [verdict.contender.name for verdict in verdicts if verdict.is_winner] == (
        [winner] if winner else []
    )
    assert all(verdict.reason for verdict in verdicts)
    for verdict in verdicts:
        if verdict.contender.obstacle:
            assert verdict.reason == verdict.contender.obstacle


def test_reasons_say_both_numbers():
    first, second = decide([DECLARED, CHALLENGER])
    assert first.reason == "log_loss 0.3000 out of fold, lda in the warehouse has 0.2500"
    assert second.reason == "log_loss 0.2500 out of fold, lightgbm has 0.3000"


def test_a_contest_is_kept_once_and_the_last_one_counts(wh):
    registered_late(wh, versions=2)
    assert last_contest(wh, "late") == []
    first = hold_contest(wh, "late", [DECLARED, CHALLENGER])
    assert hold_contest(wh, "late", [DECLARED, CHALLENGER]) == first
    assert [(row["contest"], row["version"], row["is_winner"]) for row in first] == [
        (1, 1, False),
        (1, 2, True),
    ]
    failed = other(CHALLENGER, version=None, value=None, obstacle="did not train: constant")
    (declared, challenger) = hold_contest(wh, "late", [other(DECLARED, version=2), failed])
    assert (declared["contest"], declared["is_winner"]) == (2, True)
    assert (challenger["version"], challenger["reason"]) == (None, "did not train: constant")
    assert last_contest(wh, "other") == []
    with pytest.raises(WarehouseError):
        hold_contest(wh, "late", [other(DECLARED, version=9)])
