-- Directed pairs of airports that flights were scheduled on.
{{ config(incremental_strategy='merge', unique_key='route_key') }}

with routes as (

    select * from {{ ref('int_route__served') }}

),

final as (

    select
        {{ surrogate_key(['origin_airport_id', 'destination_airport_id']) }} as route_key,
        origin_airport_id,
        destination_airport_id,
        {{ dbt.concat(['origin_airport_id', "'-'", 'destination_airport_id']) }} as route_name,
        distance_mi
    from routes

    union all

    select {{ unknown_key() }}, 'unknown', 'unknown', 'Unknown route', null

)

select * from final
