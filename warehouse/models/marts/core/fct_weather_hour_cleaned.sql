-- Grain: one origin airport and one hour of observation, the rows of fct_weather_hour.
-- Additivity: precipitation adds up over hours; every other measure is an intensity to average or take the extreme of.
-- Lateness: replaced as a whole with every build, as a rule that is fitted anew speaks of every hour. available_at says
-- from when on a row may be used; the rules are fitted on the training period alone.
{{ config(incremental_strategy='append', indexes=[{'columns': ['observed_date']}]) }}

with weather as (

    select * from {{ ref('int_weather__cleaned') }}

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
        {%- for measure in cleaned_weather_measures() %}
        weather.{{ measure }},
        weather.{{ measure }}_was_missing,
        weather.{{ measure }}_was_outlier,
        {%- endfor %}
        weather.loaded_at,
        weather.load_id
    from weather
    left join airports on airports.airport_id = weather.origin_airport_id

)

select * from final
