{# The champion of a declared ML model as SQL over its feature tables: the text the registry keeps beside the promotion.

   model_name  the declared model
   features    the feature tables it reads, as ref(): they tell dbt what must be built first
   day         only the flights of this local date (text YYYY-MM-DD); none for all
   Where no version was promoted yet, or at parse time, a SELECT of the same columns without rows. #}
{% macro champion_scores(model_name, features, day=none) -%}
    {%- set parts = champion_sql_of(model_name) if execute else none -%}
    {%- if parts -%}
        {%- set rows = parts['features'] if not day
            else "select * from (" ~ parts['features'] ~ ") as every_day where flight_date = cast('" ~ day ~ "' as date)" -%}
{{ parts['before'] ~ rows ~ parts['after'] }}
    {%- else -%}
select
    cast(null as {{ dbt.type_string() }}) as flight_key,
    cast(null as date) as flight_date,
    cast(null as {{ instant_type() }}) as prediction_at,
    cast(null as {{ dbt.type_int() }}) as model_version,
    cast(null as {{ dbt.type_float() }}) as margin,
    cast(null as {{ dbt.type_float() }}) as score,
    cast(null as {{ dbt.type_boolean() }}) as is_positive
limit 0
    {%- endif -%}
{%- endmacro %}

{% macro champion_sql_of(model_name) -%}
    {%- set query -%}
        select before, features, after from {{ source('ml', 'champion_sql') }}
        where model_name = {{ dbt.string_literal(model_name) }}
    {%- endset -%}
    {%- set rows = run_query(query).rows -%}
    {{ return(none if not rows else {'before': rows[0][0], 'features': rows[0][1], 'after': rows[0][2]}) }}
{%- endmacro %}
