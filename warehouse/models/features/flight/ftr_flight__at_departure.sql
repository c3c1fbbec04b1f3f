-- What is known when a flight leaves: its departure delay, the weather, the traffic at its airport and how long its
-- operator has flown the aircraft. Flights that never left have no such moment and no row.
{{ config(
    unique_key='flight_date',
    indexes=[{'columns': ['flight_date', 'loaded_at']}, {'columns': ['flight_date', 'weather_loaded_at']}],
    partition_by={'field': 'flight_date', 'data_type': 'date'}, cluster_by=['flight_key']
) }}

{#- A flight delayed overnight leaves into the next day's traffic and weather, so a day touches its neighbours. A day
    loaded late may show that an airline had an aircraft earlier than was known: then the days that say otherwise are
    built again. #}
{%- set outdated_days %}
    select distinct built.flight_date
    from {{ this }} as built
    inner join {{ ref('dim_aircraft') }} as aircraft on aircraft.aircraft_key = built.aircraft_key
    where built.operator_since_at is distinct from aircraft.operator_since_at
{% endset %}
{%- set days = as_of_days(days_before=1, days_after=1, reads_weather=true, more_days=outdated_days)
    if is_incremental() else none %}

{%- set counters = ['departed_1h_count', 'delay_1h_sum_min', 'overdue_count'] %}

with flights as (

    select
        flight_key, flight_date, origin_airport_id, aircraft_key, scheduled_departure_at, departed_at,
        departure_delay_min, loaded_at
    from {{ ref('fct_flight') }}
    where {{ within_days('flight_date', days, days_before=1, days_after=1) }}

),

asked as (

    select *, departed_at as prediction_at
    from flights
    where {{ has_bounded_delay() }} and {{ within_days('flight_date', days) }}

),

weather as (

    select * from {{ ref('fct_weather_hour') }}
    where {{ within_days('observed_date', days, days_before=1, days_after=1) }}

),

weather_loads as (

    select observed_date, max(loaded_at) as weather_loaded_at from weather group by observed_date

),

aircraft as (

    select * from {{ ref('dim_aircraft') }}

),

known_weather as (

    {{ as_of(
        spine='asked', key='flight_key', at='prediction_at',
        timeline='weather', known_at='available_at', by=['origin_airport_id'],
        columns=weather_measures(), max_age_min=weather_max_age_min()
    ) }}

),

origin_changes as (

    {{ as_of_departure_changes('flights', ['origin_airport_id'], counters) }}

),

origin as (

    {{ as_of(
        spine='asked', key='flight_key', at='prediction_at',
        timeline='origin_changes', known_at='changed_at', by=['origin_airport_id'],
        totals=counters, max_age_min=departure_window_min()
    ) }}

),

final as (

    select
        flights.flight_key,
        flights.flight_date,
        flights.departed_at as prediction_at,
        -- The departure itself is the newest thing known.
        flights.departed_at as known_at,
        flights.loaded_at,
        weather_loads.weather_loaded_at,
        flights.aircraft_key,
        aircraft.operator_since_at,
        flights.departure_delay_min,
        {%- for measure in weather_measures() %}
        known_weather.{{ measure }} as at_departure_{{ measure }},
        {%- endfor %}
        {{ departure_count('origin', 'departed_1h_count') }} as at_departure_origin_departed_1h_count,
        {{ departure_delay_mean_min('origin', 1) }} as at_departure_origin_departure_delay_mean_1h_min,
        {{ departure_count('origin', 'overdue_count') }} as at_departure_origin_overdue_3h_count,
        -- The version of the schedule's time, which is the flight's own: an early departure must not find the operator
        -- before. Whole days, because the first flight of a spell may itself still be waiting to leave.
        case
            when aircraft.operator_since_at > flights.departed_at then 0
            else {{ whole_quotient(minutes_between('aircraft.operator_since_at', 'flights.departed_at'), 1440) }}
        end as operator_tenure_days
    from flights
    inner join aircraft on aircraft.aircraft_key = flights.aircraft_key
    left join known_weather on known_weather.flight_key = flights.flight_key
    left join origin on origin.flight_key = flights.flight_key
    left join weather_loads on weather_loads.observed_date = flights.flight_date
    where flights.departed_at is not null and {{ within_days('flights.flight_date', days) }}

)

select * from final
