"""Definitions of the tables of training plans: what was estimated, chosen and found, and the unit costs.

Belongs here: their DDL, run by `ml.registry_schema`. Does not belong here: their rows
(`ml.indb.unit_costs`, `ml.indb.training_record`).
"""

from __future__ import annotations

from warehouse.client.rules import declare

TRAINING_TABLES = """
-- What training is made of, in seconds a unit, measured on this server.
create table if not exists ml.training_calibration (
    part text primary key,
    costs jsonb not null,
    measured_at timestamptz not null default now());

create table if not exists ml.training_plan (
    plan_id bigint generated always as identity primary key,
    model_name text not null,
    version integer,
    trainer text not null check (trainer in ('cofactors', 'passes', 'trees')),
    way text not null check (way in ('cells', 'factorised', 'joined', 'export')),
    is_asked boolean not null,
    reason text not null,
    -- By way its estimate: seconds and bytes_out.
    estimates jsonb not null,
    statistics jsonb not null,
    estimated_seconds double precision,
    estimated_bytes_out bigint,
    actual_seconds double precision not null check (actual_seconds >= 0),
    actual_bytes_out bigint not null check (actual_bytes_out >= 0),
    planned_at timestamptz not null default now());
create index if not exists training_plan_model on ml.training_plan (model_name, plan_id);
"""

declare(TRAINING_TABLES)
