{# A model lives in the schema its folder names, the same in every environment: environments differ by database,
   so that an asset key [schema, table] never changes between them. BigQuery has no database between project and dataset:
   there the profile's dataset is a prefix of the schema's name. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ return(adapter.dispatch('generate_schema_name')(custom_schema_name, node)) }}
{%- endmacro %}

{% macro default__generate_schema_name(custom_schema_name, node) -%}
    {{ return((custom_schema_name or target.schema) | trim) }}
{%- endmacro %}

{% macro bigquery__generate_schema_name(custom_schema_name, node) -%}
    {{ return(target.schema ~ '_' ~ custom_schema_name | trim if custom_schema_name else target.schema) }}
{%- endmacro %}
