-- Aircraft by tail number. Type 2 on the carrier that operates it; registry attributes are type 1, as the registry comes
-- without history. An aircraft's first version reaches back to the beginning of time, so that a flight loaded late finds
-- one; operator_since_at tells the first flight really seen. Aircraft missing in the registry are inferred members.
with spells as (

    select * from {{ ref('int_aircraft__operator_spell') }}

),

planes as (

    select * from {{ ref('stg_nycflights13__planes') }}

),

versions as (

    select
        coalesce(spells.tail_number, planes.tail_number) as tail_number,
        spells.operator_carrier_id,
        spells.operator_since_at,
        coalesce(spells.version_number, 1) as version_number,
        coalesce(spells.spell_number, 0) as spell_number,
        case
            when coalesce(spells.version_number, 1) = 1 then {{ beginning_of_time() }}
            else spells.operator_since_at
        end as valid_from,
        coalesce(spells.operator_until_at, {{ end_of_time() }}) as valid_to,
        spells.operator_until_at is null as is_current,
        -- One maker under several names: the registry copies what each owner wrote.
        case
            when planes.manufacturer = 'AIRBUS INDUSTRIE' then 'AIRBUS'
            when planes.manufacturer like 'MCDONNELL DOUGLAS%' then 'MCDONNELL DOUGLAS'
            else planes.manufacturer
        end as manufacturer,
        planes.model,
        planes.aircraft_type,
        planes.built_year,
        planes.engine_type,
        planes.engine_count,
        planes.seat_count,
        planes.cruising_speed_mph,
        planes.tail_number is null as is_inferred
    from spells
    full outer join planes on planes.tail_number = spells.tail_number

),

unknown_member as (

    select
        {{ unknown_key() }} as aircraft_key,
        'unknown' as tail_number,
        {{ beginning_of_time() }} as valid_from,
        {{ end_of_time() }} as valid_to

),

final as (

    select
        {{ surrogate_key(['tail_number', 'operator_carrier_id', 'spell_number']) }} as aircraft_key,
        tail_number,
        operator_carrier_id,
        operator_since_at,
        version_number,
        valid_from,
        valid_to,
        is_current,
        manufacturer,
        model,
        aircraft_type,
        built_year,
        engine_type,
        engine_count,
        seat_count,
        cruising_speed_mph,
        is_inferred
    from versions

    union all

    select
        aircraft_key, tail_number, null, null, 1, valid_from, valid_to, true,
        null, null, null, null, null, null, null, null, false
    from unknown_member

)

select * from final
