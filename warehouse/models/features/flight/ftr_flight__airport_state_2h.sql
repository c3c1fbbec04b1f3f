-- How departures were going two hours before the scheduled departure: at all of New York, at the airport, for the
-- airline at the airport, and towards the destination. Only what had happened by then counts; a flight that is overdue
-- counts by its schedule, not by the delay it will turn out to have.
{{ config(
    unique_key='flight_date',
    indexes=[{'columns': ['flight_date', 'loaded_at']}],
    partition_by={'field': 'flight_date', 'data_type': 'date'}, cluster_by=['flight_key']
) }}

{#- The state of a day's first hours is made of the flights of the day before. #}
{%- set days = as_of_days(days_after=1) if is_incremental() else none %}
{%- set groups = {
    'new_york': (['area'], [
        'departed_1h_count', 'delay_1h_sum_min', 'departed_3h_count', 'delay_3h_sum_min', 'overdue_count',
        'given_up_3h_count']),
    'origin': (['origin_airport_id'], [
        'departed_1h_count', 'delay_1h_sum_min', 'departed_3h_count', 'delay_3h_sum_min', 'overdue_count',
        'overdue_scheduled_sum_min', 'given_up_3h_count']),
    'origin_carrier': (['origin_airport_id', 'carrier_id'], [
        'departed_3h_count', 'delay_3h_sum_min', 'overdue_count', 'overdue_scheduled_sum_min', 'given_up_3h_count']),
    'destination': (['destination_airport_id'], ['departed_3h_count', 'delay_3h_sum_min', 'overdue_count']),
} %}

with flights as (

    select
        flight_key,
        flight_date,
        'New York' as area,
        origin_airport_id,
        carrier_id,
        destination_airport_id,
        scheduled_departure_at,
        departed_at,
        departure_delay_min,
        loaded_at
    from {{ ref('fct_flight') }}
    where {{ within_days('flight_date', days, days_before=1) }}

),

asked as (

    select
        *,
        {{ two_hours_before_departure() }} as prediction_at
    from flights
    where {{ within_days('flight_date', days) }}

),

{% for name, (by, counters) in groups.items() %}
{{ name }}_changes as (

    {{ as_of_departure_changes('flights', by, counters) }}

),

{{ name }} as (

    {{ as_of(
        spine='asked', key='flight_key', at='prediction_at',
        timeline=name ~ '_changes', known_at='changed_at', by=by,
        totals=counters, max_age_min=departure_window_min()
    ) }}

),

{% endfor %}
final as (

    select
        asked.flight_key,
        asked.flight_date,
        asked.prediction_at,
        -- What the airline and the destination saw, all of New York saw: its newest change is the newest of the row.
        coalesce(new_york.known_at, {{ timetable_known_at() }}) as known_at,
        asked.loaded_at,
        {%- for name in ['new_york', 'origin'] %}
        {{ departure_delay_mean_min(name, 1) }} as {{ name }}_departure_delay_mean_1h_min,
        {%- endfor %}
        {%- for name in groups %}
        {{ departure_delay_mean_min(name, 3) }} as {{ name }}_departure_delay_mean_3h_min,
        {{ departure_count(name, 'overdue_count') }} as {{ name }}_overdue_3h_count,
        {%- endfor %}
        {%- for name in ['origin', 'origin_carrier'] %}
        {{ overdue_wait_mean_min(name, 'asked.prediction_at') }} as {{ name }}_overdue_wait_mean_3h_min,
        {{ departure_count(name, 'departed_3h_count') }} as {{ name }}_departed_3h_count,
        {%- endfor %}
        {{ departure_count('origin', 'departed_1h_count') }} as origin_departed_1h_count,
        {%- for name in ['new_york', 'origin', 'origin_carrier'] %}
        {{ departure_count(name, 'given_up_3h_count') }} as {{ name }}_given_up_3h_count{{ ',' if not loop.last }}
        {%- endfor %}
    from asked
    {%- for name in groups %}
    inner join {{ name }} on {{ name }}.flight_key = asked.flight_key
    {%- endfor %}

)

select * from final
