-- Airports with their published errors repaired, and a row for each airport that flights name and the airport file lacks.
{{ config(materialized='incremental', incremental_strategy='append') }}

with airports as (

    select * from {{ ref('stg_nycflights13__airports') }}

),

routes as (

    select * from {{ ref('int_route__served') }}

),

served as (

    select origin_airport_id as airport_id from routes
    union distinct
    select destination_airport_id from routes

),

-- DVT and MYF lie in Arizona and California; the file puts them east of Greenwich and so into a zone of China.
-- EEN lies in New Hampshire; the file swaps its latitude and longitude and drops a sign. LRO and YAK lack only a zone.
repairs as (

    select 'DVT' as airport_id, 33.6883 as latitude_deg, -112.0825 as longitude_deg, 'America/Phoenix' as time_zone
    union all
    select 'MYF', 32.8157, -117.1396, 'America/Los_Angeles'
    union all
    select 'EEN', 42.898333, -72.270833, 'America/New_York'
    union all
    select 'LRO', null, null, 'America/New_York'
    union all
    select 'YAK', null, null, 'America/Anchorage'

),

-- The islands the airport file leaves out. Both zones keep Atlantic time all year; without one no arrival has an instant.
inferred_zones as (

    select 'BQN' as airport_id, 'America/Puerto_Rico' as time_zone
    union all
    select 'PSE', 'America/Puerto_Rico'
    union all
    select 'SJU', 'America/Puerto_Rico'
    union all
    select 'STT', 'America/Puerto_Rico'

),

published as (

    select
        airports.airport_id,
        airports.airport_name,
        cast(coalesce(repairs.latitude_deg, airports.latitude_deg) as {{ dbt.type_float() }}) as latitude_deg,
        cast(coalesce(repairs.longitude_deg, airports.longitude_deg) as {{ dbt.type_float() }}) as longitude_deg,
        airports.altitude_ft,
        coalesce(repairs.time_zone, airports.time_zone) as time_zone,
        false as is_inferred,
        repairs.latitude_deg is not null as is_position_repaired
    from airports
    left join repairs on repairs.airport_id = airports.airport_id

),

inferred as (

    select
        served.airport_id,
        cast(null as {{ dbt.type_string() }}) as airport_name,
        cast(null as {{ dbt.type_float() }}) as latitude_deg,
        cast(null as {{ dbt.type_float() }}) as longitude_deg,
        cast(null as {{ dbt.type_bigint() }}) as altitude_ft,
        inferred_zones.time_zone,
        true as is_inferred,
        false as is_position_repaired
    from served
    left join airports on airports.airport_id = served.airport_id
    left join inferred_zones on inferred_zones.airport_id = served.airport_id
    where airports.airport_id is null

),

final as (

    select * from published
    union all
    select * from inferred

)

select * from final
