{# Pre-hook of every model: where the incremental strategy is append, the table is emptied first, so that it is replaced
   row by row in one transaction. dbt's own way to replace a table, to build another and swap the names, drops the views
   that read it, and shows some readers an empty table. BigQuery replaces the rows in the statement that brings them
   (bigquery/incremental_strategies). #}
{% macro replace_rows() -%}
    {{ return(adapter.dispatch('replace_rows')()) }}
{%- endmacro %}

{% macro default__replace_rows() -%}
{%- endmacro %}

{% macro postgres__replace_rows() -%}
    {%- if model.config.incremental_strategy == 'append' and is_incremental() -%}
        delete from {{ this }} where true
    {%- endif -%}
{%- endmacro %}
