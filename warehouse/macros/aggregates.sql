{# Aggregates that read as one word in a model. #}

{# How many rows hold a condition, as a whole number. #}
{% macro count_if(condition) -%}
    cast(sum(case when {{ condition }} then 1 else 0 end) as {{ dbt.type_bigint() }})
{%- endmacro %}

{# A sum as a whole number: Postgres widens a sum of bigint to numeric. #}
{% macro sum_of(column) -%}
    cast(sum({{ column }}) as {{ dbt.type_bigint() }})
{%- endmacro %}

{# A ratio in double precision; null where the denominator is zero. #}
{% macro share(numerator, denominator) -%}
    cast({{ numerator }} as {{ dbt.type_float() }}) / nullif(cast({{ denominator }} as {{ dbt.type_float() }}), 0)
{%- endmacro %}
