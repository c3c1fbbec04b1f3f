-- On-time performance of carriers by month: one row per carrier and month with flights.
-- fct_airport_hour tells which days were loaded anew, in a thirteenth of the rows.
{{ config(
    unique_key='month_date',
    indexes=[{'columns': ['month_date', 'carrier_id'], 'unique': true}],
    partition_by={'field': 'month_date', 'data_type': 'date', 'granularity': 'month'}, cluster_by=['carrier_id']
) }}

with flights as (

    select *
    from {{ ref('fct_flight') }}
    {% if is_incremental() %}
    where {{ incremental_days(
        'flight_date', ref('fct_airport_hour'), target_day='month_date', period='month',
        source_state=load_stamp(), target_state='max(load_stamp)'
    ) }}
    {% endif %}

),

carriers as (

    select * from {{ ref('dim_carrier') }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

airport_hours as (

    select * from {{ ref('fct_airport_hour') }}
    {% if is_incremental() %}{{ only_rebuilt_days(this, 'flight_date', 'month') }}{% endif %}

),

loads as (

    select
        {{ month_of('flight_date') }} as month_date,
        {{ load_stamp() }} as load_stamp
    from airport_hours
    group by 1

),

final as (

    select
        dates.month_date,
        carriers.carrier_key,
        carriers.carrier_id,
        carriers.carrier_name,
        count(*) as scheduled_flight_count,
        {{ count_if('flights.is_departed') }} as departed_flight_count,
        {{ count_if('flights.is_arrived') }} as arrived_flight_count,
        {{ count_if('flights.is_cancelled') }} as cancelled_flight_count,
        {{ count_if('flights.is_late_arrival') }} as late_arrival_count,
        {{ share(count_if('flights.is_late_arrival'), count_if('flights.is_arrived')) }} as late_arrival_share,
        {{ share(count_if('flights.is_cancelled'), 'count(*)') }} as cancelled_share,
        {{ mean_of('flights.departure_delay_min') }} as departure_delay_mean_min,
        {{ mean_of('flights.arrival_delay_min') }} as arrival_delay_mean_min,
        cast({{ quantile('flights.arrival_delay_min', 0.5) }} as {{ dbt.type_float() }}) as arrival_delay_median_min,
        cast({{ quantile('flights.arrival_delay_min', 0.9) }} as {{ dbt.type_float() }}) as arrival_delay_p90_min,
        max(flights.loaded_at) as loaded_at,
        max(loads.load_stamp) as load_stamp
    from flights
    inner join carriers on carriers.carrier_key = flights.carrier_key
    inner join dates on dates.date_key = flights.scheduled_departure_date_key
    inner join loads on loads.month_date = dates.month_date
    group by dates.month_date, carriers.carrier_key, carriers.carrier_id, carriers.carrier_name

)

select * from final
