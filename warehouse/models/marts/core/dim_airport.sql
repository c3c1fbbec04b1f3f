-- Airports, in two roles: origin and destination of a flight. Type 1. Airports that only flights name are inferred
-- members: they have a code, and a time zone where one is known, and take their attributes when the airport file brings them.
{{ config(incremental_strategy='merge', unique_key='airport_key') }}

with airports as (

    select * from {{ ref('int_airport__conformed') }}

),

final as (

    select
        {{ surrogate_key(['airport_id']) }} as airport_key,
        airport_id,
        airport_name,
        latitude_deg,
        longitude_deg,
        altitude_ft,
        time_zone,
        is_inferred,
        is_position_repaired
    from airports

    union all

    select {{ unknown_key() }}, 'unknown', 'Unknown airport', null, null, null, null, false, false

)

select * from final
