-- Grain: one scheduled flight (a departure leg from a New York airport), an accumulating snapshot: its row is completed
-- as departure and arrival become known, and replaced when its day is loaded again.
-- Additivity: counts of rows and flags, delays, air time and distance add up over every dimension (delays and air time
-- over the flights that have them); scheduled_block_min likewise; instants do not add.
-- Lateness: a day loaded late or again replaces that day's rows and no others. A flight whose carrier, airport, route or
-- aircraft is not in its dimension points at the unknown member.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key='flight_date',
    indexes=[{'columns': ['flight_date', 'loaded_at']}],
    partition_by={'field': 'flight_date', 'data_type': 'date'}, cluster_by=['flight_key']
) }}

with flights as (

    select *
    from {{ ref('int_flight__timeline') }}
    {% if is_incremental() %}
    where {{ incremental_days('flight_date', ref('int_flight__timeline')) }}
    {% endif %}

),

carriers as (

    select * from {{ ref('dim_carrier') }}

),

origins as (

    select * from {{ ref('dim_airport') }}

),

destinations as (

    select * from {{ ref('dim_airport') }}

),

aircraft as (

    select * from {{ ref('dim_aircraft') }}

),

routes as (

    select * from {{ ref('dim_route') }}

),

statuses as (

    select * from {{ ref('dim_flight_status') }}

),

times as (

    select * from {{ ref('dim_time_of_day') }}

),

final as (

    select
        {{ surrogate_key([
            'flights.flight_date', 'flights.carrier_id', 'flights.flight_number', 'flights.origin_airport_id'
        ]) }} as flight_key,
        flights.flight_date,
        flights.carrier_id,
        flights.flight_number,
        flights.tail_number,
        flights.origin_airport_id,
        flights.destination_airport_id,
        coalesce(carriers.carrier_key, {{ unknown_key() }}) as carrier_key,
        coalesce(origins.airport_key, {{ unknown_key() }}) as origin_airport_key,
        coalesce(destinations.airport_key, {{ unknown_key() }}) as destination_airport_key,
        coalesce(aircraft.aircraft_key, {{ unknown_key() }}) as aircraft_key,
        coalesce(routes.route_key, {{ unknown_key() }}) as route_key,
        flights.flight_date as scheduled_departure_date_key,
        times.time_of_day_key as scheduled_departure_time_key,
        coalesce(statuses.flight_status_key, {{ unknown_key() }}) as flight_status_key,
        flights.scheduled_departure_at,
        flights.scheduled_arrival_at,
        flights.departed_at,
        flights.arrived_at,
        flights.departure_delay_min,
        flights.arrival_delay_min,
        flights.air_time_min,
        flights.distance_mi,
        flights.scheduled_block_min,
        flights.is_departed,
        flights.is_arrived,
        flights.is_cancelled,
        flights.is_diverted,
        flights.is_late_arrival,
        flights.outcome_known_at,
        flights.loaded_at,
        flights.load_id
    from flights
    left join carriers on carriers.carrier_id = flights.carrier_id
    left join origins on origins.airport_id = flights.origin_airport_id
    left join destinations on destinations.airport_id = flights.destination_airport_id
    left join routes
        on routes.origin_airport_id = flights.origin_airport_id
        and routes.destination_airport_id = flights.destination_airport_id
    left join aircraft
        on aircraft.tail_number = flights.tail_number
        and aircraft.valid_from <= flights.scheduled_departure_at
        and aircraft.valid_to > flights.scheduled_departure_at
    left join times
        on times.hour_of_day = {{ whole_quotient('flights.scheduled_departure_clock', 100) }}
        and times.minute_of_hour = mod(flights.scheduled_departure_clock, 100)
    left join statuses on statuses.flight_status = flights.flight_status

)

select * from final
