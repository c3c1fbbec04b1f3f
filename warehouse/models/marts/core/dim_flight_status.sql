-- How a flight ended, as far as it is known.
{{ config(incremental_strategy='merge', unique_key='flight_status_key') }}

with statuses as (

    select 'arrived' as flight_status, 'Arrived at its destination with a measured delay' as status_description,
        true as is_departed, true as is_arrived, false as is_cancelled, false as is_diverted
    union all
    select 'cancelled', 'Never departed', false, false, true, false
    union all
    select 'diverted', 'Departed, landed elsewhere, and reached its destination later', true, false, false, true
    union all
    select 'departed_without_arrival', 'Departed; no arrival is recorded', true, false, false, false

),

final as (

    select
        {{ surrogate_key(['flight_status']) }} as flight_status_key,
        flight_status,
        status_description,
        is_departed,
        is_arrived,
        is_cancelled,
        is_diverted
    from statuses

    union all

    select {{ unknown_key() }}, 'unknown', 'Unknown status', false, false, false, false

)

select * from final
