{# Pre-hook of every model: two builds of one model at once would both delete and both insert, and dbt reports success.
   The lock is held to the end of the transaction, so the second build waits and then sees the first one's rows.
   BigQuery replaces a table by one atomic statement and needs none. #}
{% macro lock_model() -%}
    {{ return(adapter.dispatch('lock_model')()) }}
{%- endmacro %}

{% macro default__lock_model() -%}
{%- endmacro %}

{% macro postgres__lock_model() -%}
    select pg_advisory_xact_lock(hashtextextended('{{ this.schema }}.{{ this.identifier }}', 0))
{%- endmacro %}
