-- Grain: one origin airport and one local hour of a day on which it had flights, a dense periodic snapshot: quiet hours
-- have a row too. The day of the spring clock change has 23 hours, that of the autumn one 25.
-- Additivity: all counts and sums add up over every dimension; divide sums by counts for means.
-- Lateness: flights count in the hour they were scheduled to leave, so a day loaded late or again replaces its own hours.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key='flight_date',
    indexes=[{'columns': ['flight_date']}],
    partition_by={'field': 'flight_date', 'data_type': 'date'}, cluster_by=['origin_airport_id']
) }}

-- Only the columns needed: the CTE is read twice, so Postgres computes all of them.
with flights as (

    select
        flight_date, origin_airport_id, scheduled_departure_at, is_departed, is_arrived, is_cancelled, is_diverted,
        is_late_arrival, departure_delay_min, arrival_delay_min, loaded_at
    from {{ ref('int_flight__timeline') }}
    {% if is_incremental() %}
    where {{ incremental_days('flight_date', ref('int_flight__timeline')) }}
    {% endif %}

),

airports as (

    select * from {{ ref('dim_airport') }}

),

hours as ({{ numbers_between(0, 24, 'hours_since_midnight') }}),

airport_days as (

    select
        flights.flight_date,
        flights.origin_airport_id,
        coalesce(max(airports.airport_key), {{ unknown_key() }}) as origin_airport_key,
        max(flights.loaded_at) as loaded_at,
        -- An airport without a known zone keeps UTC hours.
        coalesce(max(airports.time_zone), 'UTC') as time_zone
    from flights
    left join airports on airports.airport_id = flights.origin_airport_id
    group by flights.flight_date, flights.origin_airport_id

),

midnights as (

    select *, {{ from_zone("cast(flight_date as " ~ local_type() ~ ")", 'time_zone') }} as midnight_at
    from airport_days

),

hour_starts as (

    select midnights.*, hours.hours_since_midnight,
        {{ add_minutes('midnights.midnight_at', '60 * hours.hours_since_midnight') }} as hour_starts_at
    from midnights cross join hours

),

-- The 25th hour belongs to the day only where clocks went back, the 24th only where they did not go forward.
day_hours as (

    select *, {{ at_zone('hour_starts_at', 'time_zone') }} as local_hour
    from hour_starts
    where cast({{ at_zone('hour_starts_at', 'time_zone') }} as date) = flight_date

),

counts as (

    select
        flights.flight_date,
        flights.origin_airport_id,
        {{ whole_quotient(minutes_between('midnights.midnight_at', 'flights.scheduled_departure_at'), 60) }}
            as hours_since_midnight,
        count(*) as scheduled_flight_count,
        {{ count_if('flights.is_departed') }} as departed_flight_count,
        {{ count_if('flights.is_arrived') }} as arrived_flight_count,
        {{ count_if('flights.is_cancelled') }} as cancelled_flight_count,
        {{ count_if('flights.is_diverted') }} as diverted_flight_count,
        {{ count_if('flights.is_late_arrival') }} as late_arrival_count,
        {{ sum_of('flights.departure_delay_min') }} as departure_delay_sum_min,
        {{ sum_of('flights.arrival_delay_min') }} as arrival_delay_sum_min
    from flights
    inner join midnights
        on midnights.flight_date = flights.flight_date and midnights.origin_airport_id = flights.origin_airport_id
    group by 1, 2, 3

),

final as (

    select
        {{ surrogate_key(['day_hours.origin_airport_id', instant_id('day_hours.hour_starts_at')]) }} as airport_hour_key,
        day_hours.flight_date,
        day_hours.origin_airport_id,
        day_hours.origin_airport_key,
        day_hours.hour_starts_at,
        cast(extract(hour from day_hours.local_hour) as {{ dbt.type_bigint() }}) as hour_of_day,
        {%- for measure in [
            'scheduled_flight_count', 'departed_flight_count', 'arrived_flight_count', 'cancelled_flight_count',
            'diverted_flight_count', 'late_arrival_count', 'departure_delay_sum_min', 'arrival_delay_sum_min'
        ] %}
        coalesce(counts.{{ measure }}, 0) as {{ measure }},
        {%- endfor %}
        day_hours.loaded_at
    from day_hours
    left join counts
        on counts.flight_date = day_hours.flight_date
        and counts.origin_airport_id = day_hours.origin_airport_id
        and counts.hours_since_midnight = day_hours.hours_since_midnight

)

select * from final
