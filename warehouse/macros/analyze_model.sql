{# Post-hook of every model: a table just built has no statistics until the server's own housekeeping comes by, and the
   models that follow at once would be planned blind. An added day changes the statistics too little to pay for that. #}
{% macro analyze_model() -%}
    {{ return(adapter.dispatch('analyze_model')()) }}
{%- endmacro %}

{% macro default__analyze_model() -%}
{%- endmacro %}

{% macro postgres__analyze_model() -%}
    {%- if model.config.materialized == 'table' or (model.config.materialized == 'incremental' and not is_incremental()) -%}
        analyze {{ this }}
    {%- endif -%}
{%- endmacro %}
