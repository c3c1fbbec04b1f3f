{# Keys. Surrogate keys are the MD5 of the natural key, hence equal after every rebuild and in every warehouse. #}

{% macro surrogate_key(columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append("coalesce(cast(" ~ column ~ " as " ~ dbt.type_string() ~ "), '_null_')") -%}
        {%- if not loop.last -%}{%- do parts.append("'|'") -%}{%- endif -%}
    {%- endfor -%}
    {{ dbt.hash(dbt.concat(parts)) }}
{%- endmacro %}

{# The key of the unknown member that each dimension holds for facts without a natural key. #}
{% macro unknown_key() -%}
    '-1'
{%- endmacro %}

{# An instant as whole seconds, for surrogate keys: its text would depend on the session's time zone. #}
{% macro instant_id(instant) -%}
    {{ return(adapter.dispatch('instant_id')(instant)) }}
{%- endmacro %}

{% macro default__instant_id(instant) -%}
    cast(extract(epoch from {{ instant }}) as {{ dbt.type_bigint() }})
{%- endmacro %}

{% macro bigquery__instant_id(instant) -%}
    unix_seconds({{ instant }})
{%- endmacro %}
