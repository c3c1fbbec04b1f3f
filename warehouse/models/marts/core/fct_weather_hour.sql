-- Grain: one origin airport and one hour of observation, a periodic snapshot with gaps (54 to 57 hours an airport are
-- missing in 2013, all of December 31 among them).
-- Additivity: precipitation adds up over hours; every other measure is an intensity to average or take the extreme of.
-- Lateness: a day loaded late or again replaces that day's rows. available_at, not observed_at, says from when on a row
-- may be used: an hour's row holds the maximum over its minutes and is known only once they are over.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key='observed_date',
    indexes=[{'columns': ['observed_date']}, {'columns': ['origin_airport_id', 'available_at']}],
    partition_by={'field': 'observed_date', 'data_type': 'date'}, cluster_by=['origin_airport_id']
) }}

{# 231 mph is the strongest gust measured in the United States; the file has one wind of 1048.36. #}
{%- set strongest_wind_mph = 231 -%}

with weather as (

    select *
    from {{ ref('stg_nycflights13__weather') }}
    {% if is_incremental() %}
    where {{ incremental_days('observed_date', ref('stg_nycflights13__weather'), 'observed_date', 'observed_date') }}
    {% endif %}

),

airports as (

    select * from {{ ref('dim_airport') }}

),

final as (

    select
        {{ surrogate_key(['weather.origin_airport_id', instant_id('weather.observed_at')]) }} as weather_hour_key,
        weather.origin_airport_id,
        coalesce(airports.airport_key, {{ unknown_key() }}) as origin_airport_key,
        weather.observed_at,
        weather.available_at,
        weather.observed_date,
        weather.temperature_f,
        weather.dew_point_f,
        weather.humidity_pct,
        weather.wind_direction_deg,
        case when weather.wind_speed_mph <= {{ strongest_wind_mph }} then weather.wind_speed_mph end as wind_speed_mph,
        coalesce(weather.wind_speed_mph > {{ strongest_wind_mph }}, false) as is_wind_speed_repaired,
        weather.wind_gust_mph,
        weather.precipitation_in,
        weather.pressure_mb,
        weather.visibility_mi,
        weather.loaded_at,
        weather.load_id
    from weather
    left join airports on airports.airport_id = weather.origin_airport_id

)

select * from final
