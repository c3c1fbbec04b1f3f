"""Definitions of the tables that grow with time: predictions and drift, both partitioned by model.

Belongs here: their DDL, run by `ml.registry_schema`, and where a model's predictions stand. Does not belong
here: the registry's own tables, partitions, rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse.client import quote
from warehouse.client.dialect import POSTGRES
from warehouse.client.rules import Layout, declare

if TYPE_CHECKING:
    from warehouse.client import Warehouse

PREDICTION_TABLE = """
create table if not exists ml.prediction (
    model_name text not null,
    flight_key text not null,
    flight_date date not null,
    prediction_at timestamptz not null,
    model_version integer not null,
    -- The sum before any exponential: the bits that SQL, Python and HTTP agree on.
    margin double precision not null check (margin > '-infinity' and margin < 'infinity'),
    -- NaN sorts above infinity, so this refuses both infinities and NaN.
    score double precision not null check (score > '-infinity' and score < 'infinity'),
    threshold double precision,
    -- Decided on the margin, whose cut is the smallest margin that reaches the threshold.
    is_positive boolean check ((is_positive is null) = (threshold is null)),
    -- A hash of the feature values: a row whose features did not change is not scored again.
    features_hash bigint not null,
    scored_at timestamptz not null,
    primary key (model_name, flight_key),
    foreign key (model_name, model_version) references ml.model_version (model_name, version)
) partition by list (model_name);
create index if not exists prediction_flight_date on ml.prediction (model_name, flight_date);
"""

# What scoring a row costs on either path, measured on a sample: the ground of the planner's choice.
CALIBRATION_TABLE = """
create table if not exists ml.scoring_calibration (
    artifact_sha256 text primary key references ml.artifact (sha256),
    sample_rows bigint not null check (sample_rows > 0),
    warehouse_fixed_seconds double precision not null,
    warehouse_row_seconds double precision not null,
    stream_fixed_seconds double precision not null,
    stream_row_seconds double precision not null,
    stream_row_bytes double precision not null,
    measured_at timestamptz not null default now());
"""

DRIFT_TABLES = """
create table if not exists ml.drift_bin (
    model_name text not null,
    model_version integer not null,
    subject text not null check (subject in ('feature', 'score')),
    name text not null,
    bin integer not null,
    bin_kind text not null check (bin_kind in ('null', 'below', 'range', 'above', 'category', 'unseen')),
    lower_bound double precision,
    upper_bound double precision,
    category text,
    reference_rows bigint not null check (reference_rows >= 0),
    frozen_at timestamptz not null,
    primary key (model_name, model_version, subject, name, bin),
    foreign key (model_name, model_version) references ml.model_version (model_name, version));

create table if not exists ml.drift_bin_count (
    model_name text not null,
    model_version integer not null,
    subject text not null,
    name text not null,
    window_start date not null,
    bin integer not null,
    current_rows bigint not null check (current_rows >= 0),
    primary key (model_name, model_version, subject, name, window_start, bin),
    foreign key (model_name, model_version, subject, name, bin)
        references ml.drift_bin (model_name, model_version, subject, name, bin));

create table if not exists ml.drift (
    model_name text not null,
    model_version integer not null,
    subject text not null check (subject in ('feature', 'score')),
    name text not null,
    kind text not null check (kind in ('number', 'boolean', 'category')),
    window_start date not null,
    window_end date not null check (window_end >= window_start),
    reference_rows bigint not null,
    current_rows bigint not null,
    psi double precision,
    js double precision check (js between 0 and 1),
    ks double precision check (ks between 0 and 1),
    chi_square double precision,
    degrees_of_freedom integer,
    p_value double precision check (p_value between 0 and 1),
    q_value double precision check (q_value between 0 and 1),
    ks_p_value double precision check (ks_p_value between 0 and 1),
    null_share_reference double precision,
    null_share_current double precision,
    outside_share_current double precision,
    importance_share double precision,
    is_seasonal boolean not null,
    is_drifted boolean not null,
    is_alert boolean not null,
    computed_at timestamptz not null,
    primary key (model_name, model_version, subject, name, window_start),
    foreign key (model_name, model_version) references ml.model_version (model_name, version)
) partition by list (model_name);
"""

LAYOUTS = {
    # A day of one model is what is written and read.
    "ml.prediction": Layout("`flight_date`", ("model_name", "flight_key"), is_large=True),
    "ml.drift_bin": Layout(cluster=("model_name", "model_version")),
    "ml.drift_bin_count": Layout(cluster=("model_name", "model_version")),
    "ml.drift": Layout(cluster=("model_name", "model_version")),
}

declare(PREDICTION_TABLE + CALIBRATION_TABLE + DRIFT_TABLES, LAYOUTS)


def stored_in(wh: Warehouse, model_name: str) -> tuple[str, str]:
    """The table that a model's predictions are written to, and the condition by which a row `p` of it is the
    model's: in Postgres a partition of its own; in BigQuery, which has none by text, the whole table, of
    which `ml.prd_<model>` is a view that takes no writes.
    """
    if wh.dialect == "postgres":
        return quote("ml", f"prd_{model_name}"), "true"
    return quote("ml", "prediction"), f"p.model_name = {POSTGRES.text(model_name)}"
