-- The four instants of a flight in UTC, and its state. Scheduled departure is the instant the source gives. Scheduled
-- arrival is the first showing of the published clock at the destination after departure, so it may fall on the next
-- day there, or on the day before for a westbound flight after midnight. Where the zone of the destination is unknown,
-- arrivals have no instant.
with flights as (

    select * from {{ ref('stg_nycflights13__flights') }}

),

-- Twice, as Postgres looks into a CTE only where it is read once.
origins as (

    select * from {{ ref('int_airport__conformed') }}

),

destinations as (

    select * from {{ ref('int_airport__conformed') }}

),

departed as (

    select
        flights.*,
        destinations.time_zone as destination_time_zone,
        {{ first_showing_after('scheduled_arrival_clock', 'scheduled_departure_at', 'destinations.time_zone') }}
            as scheduled_arrival_at,
        -- Where the zone of the origin is unknown the delay is taken as elapsed time.
        coalesce(
            {{ instant_after_delay('scheduled_departure_at', 'departure_delay_min', 'origins.time_zone') }},
            {{ add_minutes('scheduled_departure_at', 'departure_delay_min') }}
        ) as departed_at
    from flights
    left join origins on origins.airport_id = flights.origin_airport_id
    left join destinations on destinations.airport_id = flights.destination_airport_id

),

arrived as (

    select
        *,
        {{ instant_after_delay('scheduled_arrival_at', 'arrival_delay_min', 'destination_time_zone') }} as arrived_at,
        -- A diverted flight has no delay, only a clock reading.
        {{ first_showing_after('arrival_clock', 'departed_at', 'destination_time_zone') }} as reached_at,
        {{ add_minutes('departed_at', 1440) }} as day_after_departure_at,
        departure_clock is not null as is_departed,
        arrival_delay_min is not null as is_arrived,
        departure_clock is null as is_cancelled,
        departure_clock is not null and arrival_clock is not null and arrival_delay_min is null as is_diverted
    from departed

),

final as (

    select
        flight_date,
        carrier_id,
        flight_number,
        origin_airport_id,
        destination_airport_id,
        tail_number,
        scheduled_departure_at,
        scheduled_departure_clock,
        scheduled_arrival_at,
        departed_at,
        arrived_at,
        departure_delay_min,
        arrival_delay_min,
        air_time_min,
        distance_mi,
        {{ minutes_between('scheduled_departure_at', 'scheduled_arrival_at') }} as scheduled_block_min,
        is_departed,
        is_arrived,
        is_cancelled,
        is_diverted,
        case when is_arrived then arrival_delay_min > {{ var('late_arrival_threshold_min') }} end as is_late_arrival,
        case
            when is_cancelled then 'cancelled'
            when is_arrived then 'arrived'
            when is_diverted then 'diverted'
            else 'departed_without_arrival'
        end as flight_status,
        -- Cancelled: nothing says when it was called off, but at the scheduled departure it had not left. Departed and
        -- never arrived: it was missed at the scheduled arrival. No zone to place the arrival in: surely a day later.
        case
            when is_cancelled then scheduled_departure_at
            when is_arrived then coalesce(arrived_at, day_after_departure_at)
            when is_diverted then coalesce(reached_at, day_after_departure_at)
            else greatest(departed_at, coalesce(scheduled_arrival_at, day_after_departure_at))
        end as outcome_known_at,
        loaded_at,
        load_id
    from arrived

)

select * from final
