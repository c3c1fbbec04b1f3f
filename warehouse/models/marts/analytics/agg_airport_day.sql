-- Operations of an origin airport by day, with the weather of the day: one row per origin airport and day with flights.
{{ config(
    unique_key='flight_date',
    indexes=[{'columns': ['flight_date', 'origin_airport_id'], 'unique': true}],
    partition_by={'field': 'flight_date', 'data_type': 'date'}, cluster_by=['origin_airport_id']
) }}

with airport_hours as (

    select *
    from {{ ref('fct_airport_hour') }}
    {% if is_incremental() %}
    where
        {{ incremental_days('flight_date', ref('fct_airport_hour')) }}
        or {{ incremental_days(
            'flight_date', ref('fct_weather_hour'), 'observed_date', target_loaded_at='weather_loaded_at'
        ) }}
    {% endif %}

),

weather as (

    select * from {{ ref('fct_weather_hour') }}
    {% if is_incremental() %}{{ only_rebuilt_days(this, 'observed_date') }}{% endif %}

),

airports as (

    select * from {{ ref('dim_airport') }}

),

operations as (

    select
        flight_date,
        origin_airport_id,
        origin_airport_key,
        {{ sum_of('scheduled_flight_count') }} as scheduled_flight_count,
        {{ sum_of('departed_flight_count') }} as departed_flight_count,
        {{ sum_of('arrived_flight_count') }} as arrived_flight_count,
        {{ sum_of('cancelled_flight_count') }} as cancelled_flight_count,
        {{ sum_of('diverted_flight_count') }} as diverted_flight_count,
        {{ sum_of('late_arrival_count') }} as late_arrival_count,
        max(scheduled_flight_count) as busiest_hour_flight_count,
        {{ share('sum(departure_delay_sum_min)', 'sum(departed_flight_count)') }} as departure_delay_mean_min,
        {{ share('sum(arrival_delay_sum_min)', 'sum(arrived_flight_count)') }} as arrival_delay_mean_min,
        {{ share('sum(late_arrival_count)', 'sum(arrived_flight_count)') }} as late_arrival_share,
        {{ share('sum(cancelled_flight_count)', 'sum(scheduled_flight_count)') }} as cancelled_share,
        max(loaded_at) as loaded_at
    from airport_hours
    group by flight_date, origin_airport_id, origin_airport_key

),

conditions as (

    select
        origin_airport_id,
        observed_date,
        count(*) as weather_hour_count,
        avg(temperature_f) as temperature_mean_f,
        max(wind_speed_mph) as wind_speed_max_mph,
        sum(precipitation_in) as precipitation_sum_in,
        min(visibility_mi) as visibility_min_mi,
        max(loaded_at) as weather_loaded_at
    from weather
    group by origin_airport_id, observed_date

),

final as (

    select
        operations.*,
        airports.airport_name,
        coalesce(conditions.weather_hour_count, 0) as weather_hour_count,
        conditions.temperature_mean_f,
        conditions.wind_speed_max_mph,
        conditions.precipitation_sum_in,
        conditions.visibility_min_mi,
        conditions.weather_loaded_at
    from operations
    inner join airports on airports.airport_key = operations.origin_airport_key
    left join conditions
        on conditions.origin_airport_id = operations.origin_airport_id
        and conditions.observed_date = operations.flight_date

)

select * from final
