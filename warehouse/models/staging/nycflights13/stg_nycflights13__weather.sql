-- Hourly weather. The row of an hour is the maximum over its minutes 0 to 51, so it becomes known in that hour and is
-- held back to the full hour after it: joining it on the hour of a departure would read the future.
with weather as (

    select * from {{ source('nycflights13', 'weather') }}

),

final as (

    select
        cast(origin as {{ dbt.type_string() }}) as origin_airport_id,
        time_hour as observed_at,
        {{ add_minutes('time_hour', 60) }} as available_at,
        partition_date as observed_date,
        cast(temp as {{ dbt.type_float() }}) as temperature_f,
        cast(dewp as {{ dbt.type_float() }}) as dew_point_f,
        cast(humid as {{ dbt.type_float() }}) as humidity_pct,
        cast(wind_dir as {{ dbt.type_bigint() }}) as wind_direction_deg,
        cast(wind_speed as {{ dbt.type_float() }}) as wind_speed_mph,
        cast(wind_gust as {{ dbt.type_float() }}) as wind_gust_mph,
        cast(precip as {{ dbt.type_float() }}) as precipitation_in,
        cast(pressure as {{ dbt.type_float() }}) as pressure_mb,
        cast(visib as {{ dbt.type_float() }}) as visibility_mi,
        known_at,
        loaded_at,
        cast(_dlt_load_id as {{ dbt.type_string() }}) as load_id
    from weather

)

select * from final
