-- Airports as published, wrong positions included; int_airport__conformed repairs them.
with airports as (

    select * from {{ source('nycflights13', 'airports') }}

),

final as (

    select
        cast(faa as {{ dbt.type_string() }}) as airport_id,
        cast(name as {{ dbt.type_string() }}) as airport_name,
        cast(lat as {{ dbt.type_float() }}) as latitude_deg,
        cast(lon as {{ dbt.type_float() }}) as longitude_deg,
        cast(alt as {{ dbt.type_bigint() }}) as altitude_ft,
        -- The file writes a missing zone as \N or NA, depending on who exported it.
        nullif(nullif(nullif(cast(tzone as {{ dbt.type_string() }}), ''), concat(chr(92), 'N')), 'NA') as time_zone,
        loaded_at,
        cast(_dlt_load_id as {{ dbt.type_string() }}) as load_id
    from airports

)

select * from final
