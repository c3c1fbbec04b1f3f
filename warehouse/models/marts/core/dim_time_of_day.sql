-- The minutes of a day on a wall clock.
{{ config(incremental_strategy='merge', unique_key='time_of_day_key') }}

with minutes as (

    {{ numbers_between(0, 1439, 'minute_of_day') }}

),

parts as (

    select
        minute_of_day,
        {{ whole_quotient('minute_of_day', 60) }} as hour_of_day,
        mod(minute_of_day, 60) as minute_of_hour
    from minutes

),

final as (

    select
        concat(
            case when hour_of_day < 10 then '0' else '' end, cast(hour_of_day as {{ dbt.type_string() }}),
            case when minute_of_hour < 10 then '0' else '' end, cast(minute_of_hour as {{ dbt.type_string() }})
        ) as time_of_day_key,
        minute_of_day,
        hour_of_day,
        minute_of_hour,
        case
            when hour_of_day < 5 then 'night'
            when hour_of_day < 9 then 'early morning'
            when hour_of_day < 12 then 'late morning'
            when hour_of_day < 17 then 'afternoon'
            when hour_of_day < 21 then 'evening'
            else 'late evening'
        end as day_part
    from parts

)

select * from final
