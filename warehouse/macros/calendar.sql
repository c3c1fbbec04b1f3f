{# Calendar arithmetic that the two warehouses spell differently. #}

{# Every day from one date to another, both included, as a query with one column. Unlike dbt's own date spine it asks
   the warehouse nothing while compiling. #}
{% macro days_between(first_day, last_day, column) -%}
    {{ return(adapter.dispatch('days_between')(first_day, last_day, column)) }}
{%- endmacro %}

{% macro default__days_between(first_day, last_day, column) -%}
    select cast(spine.moment as date) as {{ column }}
    from generate_series(
        cast('{{ first_day }}' as timestamp), cast('{{ last_day }}' as timestamp), interval '1 day'
    ) as spine (moment)
{%- endmacro %}

{% macro bigquery__days_between(first_day, last_day, column) -%}
    select {{ column }}
    from unnest(generate_date_array(cast('{{ first_day }}' as date), cast('{{ last_day }}' as date))) as {{ column }}
{%- endmacro %}

{# The whole numbers from one to another, both included, as a query with one column. #}
{% macro numbers_between(first_number, last_number, column) -%}
    {{ return(adapter.dispatch('numbers_between')(first_number, last_number, column)) }}
{%- endmacro %}

{% macro default__numbers_between(first_number, last_number, column) -%}
    select cast(spine.number as {{ dbt.type_bigint() }}) as {{ column }}
    from generate_series({{ first_number }}, {{ last_number }}) as spine (number)
{%- endmacro %}

{% macro bigquery__numbers_between(first_number, last_number, column) -%}
    select {{ column }} from unnest(generate_array({{ first_number }}, {{ last_number }})) as {{ column }}
{%- endmacro %}

{# 1 for Monday to 7 for Sunday. #}
{% macro iso_weekday(day) -%}
    {{ return(adapter.dispatch('iso_weekday')(day)) }}
{%- endmacro %}

{% macro default__iso_weekday(day) -%}
    cast(extract(isodow from {{ day }}) as {{ dbt.type_bigint() }})
{%- endmacro %}

{% macro bigquery__iso_weekday(day) -%}
    mod(extract(dayofweek from {{ day }}) + 5, 7) + 1
{%- endmacro %}

{% macro iso_week(day) -%}
    {{ return(adapter.dispatch('iso_week')(day)) }}
{%- endmacro %}

{% macro default__iso_week(day) -%}
    cast(extract(week from {{ day }}) as {{ dbt.type_bigint() }})
{%- endmacro %}

{% macro bigquery__iso_week(day) -%}
    extract(isoweek from {{ day }})
{%- endmacro %}

{# Days from one date to another. #}
{% macro days_apart(first_day, second_day) -%}
    cast({{ dbt.datediff(first_day, second_day, 'day') }} as {{ dbt.type_bigint() }})
{%- endmacro %}

{% macro month_of(day) -%}
    cast({{ dbt.date_trunc('month', day) }} as date)
{%- endmacro %}

{# The p-quantile of a column of whole numbers within a group, between two values interpolated; null of no value.
   BigQuery has it as a window only, so there the values are put in order and read at their places. #}
{% macro quantile(column, p) -%}
    {{ return(adapter.dispatch('quantile')(column, p)) }}
{%- endmacro %}

{% macro default__quantile(column, p) -%}
    percentile_cont({{ p }}) within group (order by {{ column }})
{%- endmacro %}

{% macro bigquery__quantile(column, p) -%}
    {%- set place = p ~ ' * (count(' ~ column ~ ') - 1)' -%}
    {%- set ordered = 'array_agg(' ~ column ~ ' ignore nulls order by ' ~ column ~ ')' -%}
    {%- set below = ordered ~ '[safe_offset(cast(floor(' ~ place ~ ') as int64))]' -%}
    {%- set above = ordered ~ '[safe_offset(cast(ceil(' ~ place ~ ') as int64))]' -%}
    {{ below }} + ({{ place }} - floor({{ place }})) * ({{ above }} - {{ below }})
{%- endmacro %}
