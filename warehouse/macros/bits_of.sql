{# A double as a value that is equal exactly where all 64 bits are. BigQuery writes a double so that its text gives the
   same bits back, all but the sign of zero, which its inverse shows. #}
{% macro bits_of(value) -%}
    {{ return(adapter.dispatch('bits_of')(value)) }}
{%- endmacro %}

{% macro default__bits_of(value) -%}
    float8send({{ value }})
{%- endmacro %}

{% macro bigquery__bits_of(value) -%}
    concat(to_json_string({{ value }}), if(ieee_divide(1, {{ value }}) < 0, '-', '+'))
{%- endmacro %}
