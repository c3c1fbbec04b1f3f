-- What the linear model of the arrival delay needs of the flights of a day: cofactors, which add up to any window of days
-- and subtract from it. A flight counts from the day its delay was known, so that a window closed at an instant holds
-- nothing that was learned after it.
-- depends_on: {{ ref('fct_weather_hour') }}
{{ config(
    unique_key='flight_date',
    indexes=[{'columns': ['flight_date', 'loaded_at']}, {'columns': ['flight_date', 'weather_loaded_at']}],
    partition_by={'field': 'flight_date', 'data_type': 'date'}
) }}

{%- set declared = cofactor_declaration() %}
{%- set declaration = local_md5(tojson(declared, sort_keys=true)) %}
{#- The state of departures and the weather of a day are made of the day before too. Days that were measured by another
    declaration do not add up with these: they are measured again. #}
{%- set outdated_days %}
    select distinct flight_date from {{ this }} where declaration <> '{{ declaration }}'
{% endset %}
{%- set days = as_of_days(days_after=1, reads_weather=true, more_days=outdated_days) if is_incremental() else none %}

with flights as (

    select * from {{ ref('fct_flight') }} where {{ within_days('flight_date', days) }}

),

schedule as (

    select * from {{ ref('ftr_flight__schedule') }} where {{ within_days('flight_date', days) }}

),

airport_state as (

    select * from {{ ref('ftr_flight__airport_state_2h') }} where {{ within_days('flight_date', days) }}

),

weather as (

    select * from {{ ref('ftr_flight__weather_2h') }} where {{ within_days('flight_date', days) }}

),

arrived as (

    select
        flights.flight_date,
        cast({{ at_zone('flights.outcome_known_at', "'UTC'") }} as date) as label_known_date,
        flights.arrival_delay_min,
        schedule.carrier_id,
        schedule.origin_airport_id,
        schedule.scheduled_departure_local_min,
        schedule.scheduled_block_min,
        airport_state.new_york_departure_delay_mean_1h_min,
        airport_state.new_york_overdue_3h_count,
        airport_state.new_york_given_up_3h_count,
        airport_state.origin_overdue_3h_count,
        airport_state.origin_departed_1h_count,
        airport_state.origin_carrier_overdue_3h_count,
        weather.visibility_mi,
        weather.wind_speed_mph
    from flights
    inner join schedule on schedule.flight_key = flights.flight_key
    inner join airport_state on airport_state.flight_key = flights.flight_key
    inner join weather on weather.flight_key = flights.flight_key
    where flights.is_arrived and flights.outcome_known_at is not null

),

loads as (

    select
        flight_date,
        max(loaded_at) as loaded_at,
        max(weather_loaded_at) as weather_loaded_at
    from weather
    group by flight_date

),

measured as (

    {{ cofactors('arrived', ['flight_date', 'label_known_date'], declared) }}

),

final as (

    select
        measured.flight_date,
        measured.label_known_date,
        loads.loaded_at,
        loads.weather_loaded_at,
        '{{ declaration }}' as declaration,
        measured.row_term,
        measured.column_term,
        measured.total
    from measured
    inner join loads on loads.flight_date = measured.flight_date

)

select * from final
