-- Measures of the weather by their name, with the rule each is cleaned by. Type 1: a rule fitted anew overwrites the old.
{{ config(incremental_strategy='merge', unique_key='weather_measure_key') }}

with rules as (

    select * from {{ ref('int_weather__cleaning_rule') }}

),

final as (

    select
        {{ surrogate_key(['column_name']) }} as weather_measure_key,
        column_name as measure_name,
        fitted_until,
        value_count as fitted_value_count,
        median_value as fill_value,
        lower_bound,
        upper_bound
    from rules

)

select * from final
