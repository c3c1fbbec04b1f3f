-- What the timetable says of a flight. No month, day of year or count of a day's flights: within one year they name the
-- day instead of describing it.
{{ config(
    unique_key='flight_date',
    indexes=[{'columns': ['flight_date', 'loaded_at']}],
    partition_by={'field': 'flight_date', 'data_type': 'date'}, cluster_by=['flight_key']
) }}

{%- set days = as_of_days() if is_incremental() else none %}

with flights as (

    select * from {{ ref('fct_flight') }} where {{ within_days('flight_date', days) }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

times as (

    select * from {{ ref('dim_time_of_day') }}

),

final as (

    select
        flights.flight_key,
        flights.flight_date,
        {{ two_hours_before_departure() }} as prediction_at,
        {{ timetable_known_at() }} as known_at,
        flights.loaded_at,
        flights.carrier_id,
        flights.origin_airport_id,
        flights.destination_airport_id,
        times.minute_of_day as scheduled_departure_local_min,
        dates.iso_weekday as scheduled_departure_weekday,
        flights.distance_mi,
        flights.scheduled_block_min,
        count(*) over (
            partition by flights.flight_date, flights.origin_airport_id, times.hour_of_day
        ) as origin_scheduled_1h_count
    from flights
    inner join dates on dates.date_key = flights.scheduled_departure_date_key
    inner join times on times.time_of_day_key = flights.scheduled_departure_time_key

)

select * from final
