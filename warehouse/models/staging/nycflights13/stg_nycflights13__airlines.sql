with airlines as (

    select * from {{ source('nycflights13', 'airlines') }}

),

final as (

    select
        cast(carrier as {{ dbt.type_string() }}) as carrier_id,
        cast(name as {{ dbt.type_string() }}) as carrier_name,
        loaded_at,
        cast(_dlt_load_id as {{ dbt.type_string() }}) as load_id
    from airlines

)

select * from final
