-- The weather at the airport of departure as known two hours before the scheduled departure: the newest hour whose row
-- was complete by then, not the hour of the departure.
{{ config(
    unique_key='flight_date',
    indexes=[{'columns': ['flight_date', 'loaded_at']}, {'columns': ['flight_date', 'weather_loaded_at']}],
    partition_by={'field': 'flight_date', 'data_type': 'date'}, cluster_by=['flight_key']
) }}

{#- The evening of a day is the newest weather of the next morning's flights. #}
{%- set days = as_of_days(days_after=1, reads_weather=true) if is_incremental() else none %}

with flights as (

    select
        *,
        {{ two_hours_before_departure() }} as prediction_at,
        {{ timetable_known_at() }} as timetable_known_at
    from {{ ref('fct_flight') }}
    where {{ within_days('flight_date', days) }}

),

weather as (

    select * from {{ ref('fct_weather_hour') }} where {{ within_days('observed_date', days, days_before=1) }}

),

weather_loads as (

    select
        observed_date,
        max(loaded_at) as weather_loaded_at
    from weather
    group by observed_date

),

known_weather as (

    {{ as_of(
        spine='flights', key='flight_key', at='prediction_at',
        timeline='weather', known_at='available_at', by=['origin_airport_id'],
        columns=weather_measures(), prefix='weather_', max_age_min=weather_max_age_min()
    ) }}

),

final as (

    select
        flights.flight_key,
        flights.flight_date,
        flights.prediction_at,
        coalesce(known_weather.weather_known_at, flights.timetable_known_at) as known_at,
        flights.loaded_at,
        weather_loads.weather_loaded_at,
        {%- for measure in weather_measures() %}
        known_weather.weather_{{ measure }} as {{ measure }},
        {%- endfor %}
        {{ minutes_between('known_weather.weather_known_at', 'flights.prediction_at') }} as weather_age_min
    from flights
    inner join known_weather on known_weather.flight_key = flights.flight_key
    left join weather_loads on weather_loads.observed_date = flights.flight_date

)

select * from final
