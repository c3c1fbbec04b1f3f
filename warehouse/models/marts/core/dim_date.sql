-- Calendar of the days between the variables calendar_start_date and calendar_end_date, with the federal holidays of the
-- United States (their nominal dates, not the days off in lieu).
{{ config(incremental_strategy='merge', unique_key='date_key') }}

with spine as (

    {{ days_between(var('calendar_start_date'), var('calendar_end_date'), 'date_key') }}

),

parts as (

    select
        date_key,
        cast(extract(year from date_key) as {{ dbt.type_bigint() }}) as year,
        cast(extract(quarter from date_key) as {{ dbt.type_bigint() }}) as quarter,
        cast(extract(month from date_key) as {{ dbt.type_bigint() }}) as month,
        cast(extract(day from date_key) as {{ dbt.type_bigint() }}) as day_of_month,
        {{ days_apart(dbt.date_trunc('year', 'date_key'), 'date_key') }} + 1 as day_of_year,
        {{ iso_week('date_key') }} as iso_week,
        {{ iso_weekday('date_key') }} as iso_weekday,
        {{ month_of('date_key') }} as month_date
    from spine

),

named as (

    select
        *,
        case
            when month = 1 and day_of_month = 1 then '{{ dbt.escape_single_quotes("New Year's Day") }}'
            when month = 1 and iso_weekday = 1 and day_of_month between 15 and 21 then 'Martin Luther King Day'
            when month = 2 and iso_weekday = 1 and day_of_month between 15 and 21
                then '{{ dbt.escape_single_quotes("Washington's Birthday") }}'
            when month = 5 and iso_weekday = 1 and day_of_month >= 25 then 'Memorial Day'
            when month = 7 and day_of_month = 4 then 'Independence Day'
            when month = 9 and iso_weekday = 1 and day_of_month <= 7 then 'Labor Day'
            when month = 10 and iso_weekday = 1 and day_of_month between 8 and 14 then 'Columbus Day'
            when month = 11 and day_of_month = 11 then 'Veterans Day'
            when month = 11 and iso_weekday = 4 and day_of_month between 22 and 28 then 'Thanksgiving Day'
            when month = 12 and day_of_month = 25 then 'Christmas Day'
        end as holiday_name
    from parts

),

neighbours as (

    select
        *,
        max(case when holiday_name is not null then date_key end) over (
            order by date_key rows between unbounded preceding and current row
        ) as last_holiday_date,
        min(case when holiday_name is not null then date_key end) over (
            order by date_key rows between current row and unbounded following
        ) as next_holiday_date
    from named

),

final as (

    select
        date_key,
        year,
        quarter,
        month,
        case month
            when 1 then 'January' when 2 then 'February' when 3 then 'March' when 4 then 'April'
            when 5 then 'May' when 6 then 'June' when 7 then 'July' when 8 then 'August'
            when 9 then 'September' when 10 then 'October' when 11 then 'November' when 12 then 'December'
        end as month_name,
        month_date,
        iso_week,
        day_of_month,
        day_of_year,
        iso_weekday,
        case iso_weekday
            when 1 then 'Monday' when 2 then 'Tuesday' when 3 then 'Wednesday' when 4 then 'Thursday'
            when 5 then 'Friday' when 6 then 'Saturday' when 7 then 'Sunday'
        end as weekday_name,
        iso_weekday >= 6 as is_weekend,
        holiday_name is not null as is_holiday,
        holiday_name,
        {{ days_apart('last_holiday_date', 'date_key') }} as days_since_holiday,
        {{ days_apart('date_key', 'next_holiday_date') }} as days_to_holiday
    from neighbours

)

select * from final
