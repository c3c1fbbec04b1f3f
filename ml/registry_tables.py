"""Definitions of the registry's own tables, in Postgres' words for both engines.

Postgres keeps their keys, references, checks and the rows that stay as they are; on BigQuery the warehouse
client asks for the same rules (`warehouse.client.rules`). Belongs here: their DDL, and how the tables lie on
BigQuery. Does not belong here: running it (`ml.registry_schema`), rows (`ml.registry*`).
"""

from __future__ import annotations

from warehouse.client.rules import Layout, declare

REGISTRY_TABLES = """
create table if not exists ml.artifact (
    sha256 text primary key,
    content bytea not null,
    format text not null check (format in ('skops', 'document')),
    size_bytes bigint not null check (size_bytes = octet_length(content)),
    created_at timestamptz not null default now(),
    -- The address is the content's: the database itself refuses bytes under another name.
    check (sha256 = encode(sha256(content), 'hex')));

create table if not exists ml.model_version (
    model_name text not null,
    version integer not null check (version > 0),
    task text not null check (task in ('classification', 'regression')),
    algorithm text not null,
    spec jsonb not null,
    params jsonb not null,
    threshold double precision,
    cv_results jsonb not null,
    train_start date not null,
    train_end date not null check (train_end >= train_start),
    test_start date not null,
    test_end date not null check (test_end >= test_start and test_start > train_end),
    training_relation text not null,
    training_rows bigint not null check (training_rows > 0),
    test_rows bigint not null check (test_rows >= 0),
    training_set_sha256 text not null check (training_set_sha256 ~ '^[0-9a-f]{64}$'),
    code_version text not null,
    libraries jsonb not null,
    -- The document that scores, and the fitted object it was made from, where there is one: what the
    -- warehouse fitted is the document itself.
    artifact_sha256 text not null references ml.artifact (sha256),
    estimator_sha256 text references ml.artifact (sha256),
    trained_at timestamptz not null,
    seconds double precision not null check (seconds >= 0),
    bytes_out bigint not null check (bytes_out >= 0),
    peak_memory_mb double precision,
    -- How the warehouse fitted it: seconds, bytes that left, columns left out and why.
    training jsonb,
    registered_at timestamptz not null default now(),
    primary key (model_name, version));

create table if not exists ml.model_metric (
    model_name text not null,
    version integer not null,
    split text not null,
    subject text not null
        check (subject in ('model', 'constant', 'baseline', 'model_vs_constant', 'model_vs_baseline')),
    metric text not null,
    -- Null where it cannot be computed, such as the AUC of rows of one class.
    value double precision,
    ci_low double precision,
    ci_high double precision,
    n bigint not null check (n >= 0),
    primary key (model_name, version, split, subject, metric),
    foreign key (model_name, version) references ml.model_version (model_name, version));

create table if not exists ml.model_curve (
    model_name text not null,
    version integer not null,
    curve text not null,
    point integer not null,
    coordinates jsonb not null,
    primary key (model_name, version, curve, point),
    foreign key (model_name, version) references ml.model_version (model_name, version));

create table if not exists ml.feature_importance (
    model_name text not null,
    version integer not null,
    feature text not null,
    importance double precision not null,
    primary key (model_name, version, feature),
    foreign key (model_name, version) references ml.model_version (model_name, version));

create table if not exists ml.gate_result (
    model_name text not null,
    version integer not null,
    gate_number integer not null,
    gate text not null,
    metric text not null,
    split text not null,
    criterion text not null check (criterion in ('at_least', 'at_most', 'better_than')),
    threshold double precision not null,
    -- What was compared with the threshold: the estimate, or the unfavourable end of its interval.
    value double precision,
    is_passed boolean not null,
    reason text not null,
    judged_at timestamptz not null default now(),
    primary key (model_name, version, gate_number),
    foreign key (model_name, version) references ml.model_version (model_name, version));

create table if not exists ml.model_champion (
    model_name text primary key,
    version integer not null,
    promoted_at timestamptz not null,
    foreign key (model_name, version) references ml.model_version (model_name, version));

-- The champion as one SELECT: before || features || after. dbt makes a view of it.
create table if not exists ml.champion_sql (
    model_name text primary key references ml.model_champion (model_name),
    version integer not null,
    artifact_sha256 text not null references ml.artifact (sha256),
    before text not null,
    features text not null,
    after text not null);

create table if not exists ml.promotion_event (
    event_id bigint generated always as identity primary key,
    model_name text not null,
    action text not null check (action in ('promote', 'rollback')),
    from_version integer,
    to_version integer not null,
    actor text not null check (actor <> ''),
    reason text not null check (reason <> ''),
    occurred_at timestamptz not null default now(),
    check (from_version is distinct from to_version),
    foreign key (model_name, from_version) references ml.model_version (model_name, version),
    foreign key (model_name, to_version) references ml.model_version (model_name, version));
create index if not exists promotion_event_model on ml.promotion_event (model_name, event_id);
"""

POSTGRES_ALONE = """
-- A fitted model hardly compresses (trees are noise to pglz), so do not try at every read and write.
alter table ml.artifact alter column content set storage external;
-- As registries of before this were made.
alter table ml.model_version alter column estimator_sha256 drop not null;
alter table ml.model_version add column if not exists training jsonb;
"""
"""How Postgres keeps bytes, and what registries of before lack."""

IMMUTABLE = """
create or replace function ml.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'ml.%: a row once written stays as it is (% refused)', tg_table_name, lower(tg_op);
end $$;
create or replace trigger artifact_is_immutable before update on ml.artifact
    for each row execute function ml.refuse_change();
create or replace trigger model_version_is_immutable before update on ml.model_version
    for each row execute function ml.refuse_change();
create or replace trigger promotion_event_is_immutable before update or delete on ml.promotion_event
    for each row execute function ml.refuse_change();
"""

PARITY_TABLES = """
-- Rows with the margins the document gave when it was registered: they find an evaluator that changed since.
create table if not exists ml.golden_rows (
    model_name text not null,
    version integer not null,
    rows jsonb not null,
    primary key (model_name, version),
    foreign key (model_name, version) references ml.model_version (model_name, version));

create table if not exists ml.parity_check (
    model_name text not null,
    version integer not null,
    surface text not null,
    rows_compared bigint not null check (rows_compared >= 0),
    rows_different bigint not null check (rows_different >= 0),
    failure text,
    examples jsonb not null,
    is_equal boolean not null check (is_equal = (failure is null and rows_different = 0)),
    checked_at timestamptz not null default now(),
    primary key (model_name, version, surface),
    foreign key (model_name, version) references ml.model_version (model_name, version));
"""

CONTEST_TABLE = """
create table if not exists ml.contest (
    model_name text not null,
    contest integer not null check (contest > 0),
    contender text not null,
    engine text not null,
    algorithm text not null,
    -- Null where its training failed.
    version integer,
    metric text not null,
    value double precision,
    is_winner boolean not null,
    reason text not null check (reason <> ''),
    held_at timestamptz not null default now(),
    primary key (model_name, contest, contender),
    foreign key (model_name, version) references ml.model_version (model_name, version));
create unique index if not exists contest_has_one_winner on ml.contest (model_name, contest) where is_winner;
"""

LAYOUTS = {
    # By day and address a read of one artifact touches one block.
    "ml.artifact": Layout("TIMESTAMP_TRUNC(`created_at`, DAY)", ("sha256",)),
    "ml.model_version": Layout(cluster=("model_name",)),
    "ml.model_metric": Layout(cluster=("model_name", "version")),
    "ml.model_curve": Layout(cluster=("model_name", "version")),
}

declare(REGISTRY_TABLES + PARITY_TABLES + CONTEST_TABLE + IMMUTABLE, LAYOUTS)
