-- Airlines by their two-character code. Type 1: a new name overwrites the old one.
{{ config(incremental_strategy='merge', unique_key='carrier_key') }}

with airlines as (

    select * from {{ ref('stg_nycflights13__airlines') }}

),

final as (

    select
        {{ surrogate_key(['carrier_id']) }} as carrier_key,
        carrier_id,
        carrier_name
    from airlines

    union all

    select
        {{ unknown_key() }},
        'unknown',
        'Unknown carrier'

)

select * from final
