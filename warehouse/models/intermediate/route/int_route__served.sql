-- The pairs of airports that flights were scheduled on, with the published distance. Two pairs to Eagle (EGE) are
-- published with distances one mile apart; the commoner one stands.
{{ config(materialized='incremental', incremental_strategy='append') }}

with flights as (

    select * from {{ ref('stg_nycflights13__flights') }}

),

distances as (

    select
        origin_airport_id,
        destination_airport_id,
        distance_mi,
        count(*) as flight_count
    from flights
    group by origin_airport_id, destination_airport_id, distance_mi

),

ranked as (

    select
        *,
        row_number() over (
            partition by origin_airport_id, destination_airport_id order by flight_count desc, distance_mi
        ) as distance_rank
    from distances

),

final as (

    select
        origin_airport_id,
        destination_airport_id,
        distance_mi
    from ranked
    where distance_rank = 1

)

select * from final
