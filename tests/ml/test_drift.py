"""What drift must find and must not be fooled by, and when it calls for action."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from ml import registry
from ml.drift import DriftError, monitor, months_after
from ml.predictor import NoChampionError
from ml.score import score
from ml.spec import Drift
from tests.ml.drift_data import REFERENCE_DAY, bin_counts, champion, drift_of, put
from tests.ml.small_model import champion_late, fitted_late, late_spec, other_fit
from tests.ml.small_star import build_star

MONTHS = [(dt.date(2013, m, 1), dt.date(2013, m, 28)) for m in (4, 5, 6, 7)]
DAYS = [dt.date(2013, m, 15) for m in (4, 5, 6, 7)]


def normal(seed, rows, shift=0.0):
    return (np.random.default_rng(seed).normal(size=rows) + shift).tolist()


def compare(wh, reference, current, name="queue_count", **spec_changes):
    """Drift of one column, the others constant."""
    champion(wh, **spec_changes)
    put(wh, REFERENCE_DAY, len(reference), **{name: reference})
    put(wh, DAYS[0], len(current), **{name: current})
    monitor(wh, "late")
    return drift_of(wh, name)


def test_months_after():
    assert months_after(dt.date(2013, 8, 31), dt.date(2013, 10, 1)) == [
        (dt.date(2013, 9, 1), dt.date(2013, 9, 30)),
        (dt.date(2013, 10, 1), dt.date(2013, 10, 31)),
    ]
    assert months_after(dt.date(2013, 11, 20), dt.date(2014, 1, 5)) == [
        (dt.date(2013, 11, 21), dt.date(2013, 11, 30)),
        (dt.date(2013, 12, 1), dt.date(2013, 12, 31)),
        (dt.date(2014, 1, 1), dt.date(2014, 1, 31)),
    ]
    assert months_after(dt.date(2013, 8, 31), dt.date(2013, 8, 31)) == []


@pytest.mark.parametrize(
    ("name", "reference", "current"),
    [
        ("queue_count", normal(1, 2000), normal(2, 800, 0.6)),
        ("queue_count", normal(1, 2000), [None if i % 10 else v for i, v in enumerate(normal(2, 800))]),
        ("queue_count", normal(1, 2000), [None] * 800),
        ("queue_count", [None] * 2000, normal(2, 800)),
        ("queue_count", [0.0] * 2000, [0.0] * 500 + [1.0] * 300),
        ("queue_count", normal(1, 2000), [*normal(2, 500), *[float("inf")] * 300]),
        ("queue_count", normal(1, 2000), [*normal(2, 500), *[-1e308] * 300]),
        # nine zeros in ten, and a change only among the rest
        ("queue_count", [*[0.0] * 1800, *np.arange(1.0, 201).tolist()], [*[0.0] * 720, *[3.0] * 80]),
        ("carrier_id", ["A", "B"] * 1000, ["A", "new"] * 400),
        ("carrier_id", ["A", "B"] * 1000, ["A"] * 800),
        ("carrier_id", [None] * 2000, ["A"] * 800),
        ("is_even", [True, False] * 1000, [True] * 700 + [False] * 100),
    ],
)
def test_a_planted_change_is_found(wh, name, reference, current):
    row = compare(wh, reference, current, name)
    assert row["is_drifted"] and row["q_value"] < 1e-6
    assert not [r for r in wh.query("select name from ml.drift where is_drifted") if r["name"] != name]


@pytest.mark.parametrize(
    ("name", "reference", "current"),
    [
        ("queue_count", normal(1, 2000), normal(2, 800)),
        ("queue_count", [None] * 2000, [None] * 800),
        ("queue_count", [1.0] * 2000, [1.0] * 800),
        ("queue_count", [0.0, 1.0] * 1000, [0.0, 1.0] * 400),
        # NaN is null to the model, on both sides
        ("queue_count", [None, 1.0] * 1000, [float("nan"), 1.0] * 400),
        ("carrier_id", [None] * 2000, [None] * 800),
        ("carrier_id", ["A", "B", None, "C"] * 500, ["A", "B", None, "C"] * 200),
    ],
)
def test_no_change_is_no_drift(wh, name, reference, current):
    row = compare(wh, reference, current, name)
    assert not row["is_drifted"]
    assert row["q_value"] > 0.05 and row["js"] < 0.1


def test_one_outlier_neither_hides_a_shift_nor_makes_one(wh):
    quiet = compare(wh, normal(1, 20000), [*normal(2, 4999), 1e4])
    assert not quiet["is_drifted"] and quiet["psi"] < 0.01
    put(wh, DAYS[1], 5000, queue_count=[*normal(3, 4999, 0.5), 1e4])
    monitor(wh, "late")
    assert drift_of(wh, "queue_count", dt.date(2013, 5, 1))["psi"] > 0.2


def test_too_few_rows_are_no_drift_whatever_they_say(wh):
    champion(wh)
    put(wh, REFERENCE_DAY, 2000, queue_count=normal(1, 2000))
    for day, rows in ((DAYS[0], 199), (DAYS[1], 200)):
        put(wh, day, rows, queue_count=normal(2, rows, 3.0))
    monitor(wh, "late")
    found = [drift_of(wh, "queue_count", day.replace(day=1)) for day in DAYS[:2]]
    assert all(row["psi"] > 1 and row["q_value"] < 1e-6 for row in found)
    assert [row["is_drifted"] for row in found] == [False, True]


def test_bins_are_frozen_at_the_first_run(wh):
    compare(wh, normal(1, 2000), normal(2, 800))
    before = wh.query("select * from ml.drift_bin order by name, bin"), drift_of(wh, "queue_count")["psi"]
    wh.execute(
        "update features.ftr_flight__state set queue_count = queue_count + 100 "
        "where flight_date < '2013-04-01'"
    )
    monitor(wh, "late")
    assert (
        wh.query("select * from ml.drift_bin order by name, bin"),
        drift_of(wh, "queue_count")["psi"],
    ) == before


def test_bins_hold_equal_shares_and_every_row(wh):
    compare(wh, normal(1, 5000), normal(2, 800))
    bins, reference, _ = bin_counts(wh, "queue_count")
    assert [b["bin_kind"] for b in bins] == ["null", "below", *["range"] * 10, "above"]
    assert reference[2:-1].tolist() == [500] * 10 and reference.sum() == 5000
    assert bins[2]["lower_bound"] == min(normal(1, 5000)) and bins[-1]["lower_bound"] == max(normal(1, 5000))


def test_twice_is_the_same_and_one_window_leaves_the_others(wh):
    champion(wh)
    put(wh, REFERENCE_DAY, 2000, queue_count=normal(1, 2000))
    for day in DAYS[:3]:
        put(wh, day, 500, queue_count=normal(day.month, 500, day.month - 5))
    everything = "select to_jsonb(d) - 'computed_at' as row from ml.drift d order by name, window_start"
    monitor(wh, "late", windows=MONTHS[:3])
    first, stamps = (
        wh.query(everything),
        wh.query("select distinct window_start, computed_at from ml.drift order by 1"),
    )
    result = monitor(wh, "late", windows=MONTHS[1:2])
    after = wh.query("select distinct window_start, computed_at from ml.drift order by 1")
    assert wh.query(everything) == first
    assert [a == b for a, b in zip(stamps, after, strict=True)] == [True, False, True]
    assert (result.rows, result.windows) == (4, tuple(MONTHS[1:2]))


@pytest.mark.parametrize(
    ("drifting", "alerts"),
    [([0, 1], [False, True, False, False]), ([0, 2], [False, False, True, False]), ([0, 3], [False] * 4)],
)
def test_an_alert_needs_two_of_the_last_three_windows(wh, drifting, alerts):
    champion(wh)
    put(wh, REFERENCE_DAY, 2000, queue_count=normal(1, 2000))
    for number, day in enumerate(DAYS):
        quiet = sorted(normal(1, 2000))[::5]  # every fifth value of the reference: no chance in it
        put(wh, day, 400, queue_count=normal(10, 400, 1.0) if number in drifting else quiet)
        result = monitor(wh, "late", windows=MONTHS[number : number + 1])
        assert result.is_drifted == alerts[number] == bool(result.alerts)
        assert ("queue_count" in result.drifted_features) == (number in drifting)
    monitor(wh, "late", windows=MONTHS)
    rows = wh.query("select is_alert from ml.drift where name = 'queue_count' order by window_start")
    assert [row["is_alert"] for row in rows] == alerts


AT_ONCE = Drift(persistent_windows=1, of_windows=1)


def test_season_and_unused_features_do_not_alert(wh):
    features = tuple(
        f.model_copy(update={"is_seasonal": f.name == "queue_count"}) for f in late_spec().features
    )
    champion(wh, drift=AT_ONCE, features=features)
    wh.execute("update ml.feature_importance set importance = 0.009 where feature = 'carrier_id'")
    wh.execute("update ml.feature_importance set importance = 0.01 where feature = 'is_even'")
    put(
        wh,
        REFERENCE_DAY,
        1000,
        queue_count=normal(1, 1000),
        carrier_id=["A", "B"] * 500,
        is_even=[True, False] * 500,
    )
    put(wh, DAYS[0], 400, queue_count=normal(2, 400, 2), carrier_id=["A"] * 400, is_even=[True] * 400)
    result = monitor(wh, "late")
    assert result.drifted_features == ("carrier_id", "is_even", "queue_count")
    assert result.alerts == ("is_even",)


def test_the_score_is_compared_with_its_own_version_only(wh):
    fitted, training_set = fitted_late(wh)
    for version, one in ((1, fitted), (2, other_fit(fitted))):
        registry.register(wh, one, training_set, "x")
        registry.judge_version(wh, "late", version)
    registry.promote(wh, "late", 1, "t", "r")
    assert not monitor(wh, "late").is_score_monitored
    score(wh, "late")
    result = monitor(wh, "late")
    assert result.is_score_monitored and result.rows == 5
    assert drift_of(wh, "score")["subject"] == "score" and not drift_of(wh, "score")["is_drifted"]
    registry.promote(wh, "late", 2, "t", "r")
    assert not monitor(wh, "late").is_score_monitored
    score(wh, "late", start=dt.date(2013, 4, 1))
    assert not monitor(wh, "late").is_score_monitored
    assert wh.scalar("select count(*) from ml.drift where model_version = 2") == 4


def test_a_shifted_score_is_found(wh):
    champion_late(wh)
    wh.execute("update features.ftr_flight__state set queue_count = 9 where flight_date >= '2013-04-01'")
    score(wh, "late")
    monitor(wh, "late")
    assert drift_of(wh, "score")["is_drifted"] and drift_of(wh, "score")["psi"] > 0.25


def test_without_a_champion_it_says_what_to_do(wh):
    build_star(wh)
    with pytest.raises(NoChampionError, match="no champion"):
        monitor(wh, "late")


def test_bad_windows_are_refused_and_change_nothing(wh):
    compare(wh, normal(1, 1000), normal(2, 400))
    before = wh.query("select * from ml.drift order by name")
    april, may = MONTHS[:2]
    for windows, message in (
        ([april[::-1]], "Turn the two round"),
        ([april, (april[1], may[1])], "windows overlap"),
        ([], "no feature rows after"),
        ([(dt.date(2020, 1, 1), dt.date(2020, 1, 31))], "no feature rows to compare"),
    ):
        with pytest.raises(DriftError, match=message):
            monitor(wh, "late", windows=windows)
    assert wh.query("select * from ml.drift order by name") == before


@pytest.mark.parametrize("days", [[], [REFERENCE_DAY], [DAYS[0]]])
def test_no_rows_on_a_side_is_said(wh, days):
    champion(wh)
    for day in days:
        put(wh, day, 300)
    with pytest.raises(DriftError, match="no feature rows"):
        monitor(wh, "late")
    assert wh.scalar("select count(*) from ml.drift_bin") == 0
