{# The text at a path of a JSON document, null where there is none: json_text('spec', ['label', 'column']). #}
{% macro json_text(column, path) -%}
    {{ return(adapter.dispatch('json_text')(column, path)) }}
{%- endmacro %}

{% macro default__json_text(column, path) -%}
    ({{ column }} #>> '{{ '{' ~ path | join(',') ~ '}' }}')
{%- endmacro %}

{% macro bigquery__json_text(column, path) -%}
    json_value({{ column }}, '$.{{ path | join('.') }}')
{%- endmacro %}
