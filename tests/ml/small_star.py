"""A small star with a known rule, for tests that need the warehouse but not the whole house.

Belongs here: `build_star` and the model file that fits it. 120 days from 2013-01-01, 30 flights a day; a
flight is late with a probability that grows with `queue_count` and is higher for carrier B, so a model has
something to find and a limit to it. Does not belong: real flights (the `house` fixture has them).
"""

from __future__ import annotations

from pathlib import Path

from ml.spec import ModelSpec, load_spec
from warehouse.client import Warehouse

STAR = """
create schema core; create schema features;
create table core.fct_flight as
with drawn as (
    select date '2013-01-01' + d as flight_date, f as flight_number,
        timestamptz '2013-01-01 11:00Z' + d * interval '1 day' + f * interval '30 minutes'
            as scheduled_departure_at,
        ('x' || substr(md5('a' || d || '-' || f), 1, 6))::bit(24)::int / 16777216.0 as chance,
        ('x' || substr(md5('b' || d || '-' || f), 1, 6))::bit(24)::int % 10 as queue_count,
        substr('ABC', 1 + (d + f) % 3, 1) as carrier_id
    from generate_series(0, 119) as d, generate_series(0, 29) as f
), judged as (
    select *, chance < 0.05 + 0.07 * queue_count + 0.15 * (carrier_id = 'B')::int as is_late_drawn from drawn
)
select md5(flight_date || '-' || flight_number) as flight_key, flight_date, carrier_id, queue_count,
    scheduled_departure_at,
    flight_number <> 7 as is_arrived,
    case when flight_number <> 7 then is_late_drawn end as is_late,
    case when flight_number <> 7 then (60 * is_late_drawn::int + 40 * chance - 20)::numeric end as delay_min,
    scheduled_departure_at + interval '3 hours' as outcome_known_at
from judged;
create table features.ftr_flight__schedule as
select flight_key, flight_date, scheduled_departure_at - interval '2 hours' as prediction_at,
    timestamptz '2013-01-01 00:00Z' as known_at, carrier_id,
    (extract(hour from scheduled_departure_at))::int as departure_hour
from core.fct_flight;
create table features.ftr_flight__state as
select flight_key, flight_date, scheduled_departure_at - interval '2 hours' as prediction_at,
    scheduled_departure_at - interval '3 hours' as known_at,
    nullif(queue_count, 3) as queue_count, flight_key < '8' as is_even
from core.fct_flight where flight_key > '04';
"""

MODEL = """\
name: late
description: A flight arrives late.
owner: flight-operations
entity: flight
key_column: flight_key
date_column: flight_date
task: classification
prediction_point: two hours before scheduled departure
label: {table: core.fct_flight, column: is_late, known_at: outcome_known_at, where: is_arrived}
features:
  - {name: carrier_id, table: features.ftr_flight__schedule, kind: category}
  - {name: departure_hour, table: features.ftr_flight__schedule, kind: number}
  - {name: queue_count, table: features.ftr_flight__state, kind: number}
  - {name: is_even, table: features.ftr_flight__state, kind: boolean}
split: {train_start: 2013-01-01, train_end: 2013-03-31, test_start: 2013-04-01, test_end: 2013-04-30}
algorithm: {name: lightgbm, params: {n_estimators: 30, min_child_samples: 20}, grid: {num_leaves: [4, 8]}}
baseline: {group_by: [carrier_id]}
metrics: [accuracy, precision, recall, f1, auc, average_precision, log_loss, brier, ece]
gates:
  - {metric: auc, at_least: 0.6}
  - {metric: log_loss, better_than: baseline}
"""

REGRESSION = (
    ("task: classification", "task: regression"),
    ("column: is_late", "column: delay_min"),
    (
        "metrics: [accuracy, precision, recall, f1, auc, average_precision, log_loss, brier, ece]",
        "metrics: [rmse, mae, r2]",
    ),
    ("{metric: auc, at_least: 0.6}", "{metric: mae, better_than: constant}"),
    ("metric: log_loss", "metric: rmse"),
)


def build_star(wh: Warehouse) -> None:
    """Create core.fct_flight and two feature tables in an empty database."""
    wh.execute(STAR)


def declared(folder: Path, *changes: tuple[str, str]) -> ModelSpec:
    """The model of MODEL with each (old, new) replaced once."""
    text = MODEL
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = folder / "late.yml"
    path.write_text(text, encoding="utf-8")
    return load_spec(path)
