{# A model lives in the schema its folder names, the same in every environment: environments differ by database,
   so that an asset key [schema, table] never changes between them. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
