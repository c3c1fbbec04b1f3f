{# Aggregates that read as one word in a model. #}

{# How many rows hold a condition, as a whole number. #}
{% macro count_if(condition) -%}
    cast(sum(case when {{ condition }} then 1 else 0 end) as {{ dbt.type_bigint() }})
{%- endmacro %}

{# A sum as a whole number: Postgres widens a sum of bigint to numeric. #}
{% macro sum_of(column) -%}
    cast(sum({{ column }}) as {{ dbt.type_bigint() }})
{%- endmacro %}

{# A mean of whole numbers in double precision, rounded once; null of no value. BigQuery's own adds doubles up. #}
{% macro mean_of(column) -%}
    {{ return(adapter.dispatch('mean_of')(column)) }}
{%- endmacro %}

{% macro default__mean_of(column) -%}
    cast(avg({{ column }}) as {{ dbt.type_float() }})
{%- endmacro %}

{% macro bigquery__mean_of(column) -%}
    sum({{ column }}) / nullif(count({{ column }}), 0)
{%- endmacro %}

{# The nearest whole number, of two equally near ones the even one. BigQuery's cast takes the one further from zero. #}
{% macro nearest_whole(value) -%}
    {{ return(adapter.dispatch('nearest_whole')(value)) }}
{%- endmacro %}

{% macro default__nearest_whole(value) -%}
    cast({{ value }} as {{ dbt.type_bigint() }})
{%- endmacro %}

{% macro bigquery__nearest_whole(value) -%}
    {%- set is_between = 'abs(' ~ value ~ ' - trunc(' ~ value ~ ')) = 0.5' -%}
    cast(if({{ is_between }}, 2 * round({{ value }} / 2), round({{ value }})) as int64)
{%- endmacro %}

{# A ratio in double precision; null where the denominator is zero. #}
{% macro share(numerator, denominator) -%}
    cast({{ numerator }} as {{ dbt.type_float() }}) / nullif(cast({{ denominator }} as {{ dbt.type_float() }}), 0)
{%- endmacro %}
