-- The weather of an airport by month, from its cleaned hours: one row per origin airport and month.
{{ config(
    incremental_strategy='append', indexes=[{'columns': ['month_date', 'origin_airport_id'], 'unique': true}]
) }}

with weather as (

    select * from {{ ref('fct_weather_hour_cleaned') }}

),

final as (

    select
        {{ month_of('observed_date') }} as month_date,
        origin_airport_id,
        origin_airport_key,
        {{ count_if('true') }} as hour_count,
        {{ share(sum_of_decimals('temperature_f'), 'count(temperature_f)') }} as temperature_mean_f,
        {{ share(sum_of_decimals('wind_speed_mph'), 'count(wind_speed_mph)') }} as wind_speed_mean_mph,
        max(wind_speed_mph) as wind_speed_max_mph,
        {{ share(sum_of_decimals('pressure_mb'), 'count(pressure_mb)') }} as pressure_mean_mb,
        {{ share(sum_of_decimals('visibility_mi'), 'count(visibility_mi)') }} as visibility_mean_mi,
        cast({{ sum_of_decimals('precipitation_in') }} as {{ dbt.type_float() }}) as precipitation_sum_in,
        {{ share(count_if('pressure_mb_was_missing'), count_if('true')) }} as pressure_filled_share,
        {{ count_if('wind_speed_mph_was_outlier') }} as wind_speed_outlier_count,
        max(loaded_at) as loaded_at
    from weather
    group by 1, 2, 3

)

select * from final
