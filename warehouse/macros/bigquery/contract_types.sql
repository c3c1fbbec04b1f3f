{# Contracts say their types in Postgres' names, as the catalogue of the house does. On BigQuery each becomes the type
   that holds the same values, before dbt writes a contract's columns or compares them with a query's. #}

{% macro bigquery_type(name) -%}
    {#- dbt itself has put STRING for text and INT64 for integer by now. -#}
    {%- set types = {
        'bigint': 'int64', 'INT64': 'int64', 'double precision': 'float64', 'boolean': 'bool', 'STRING': 'string',
        'date': 'date', 'timestamp with time zone': 'timestamp', 'timestamp': 'datetime',
        'pg_catalog.numeric': 'bignumeric'
    } -%}
    {%- if name not in types -%}
        {{ exceptions.raise_compiler_error(
            "The contract of " ~ model.name ~ " has the type " ~ name ~ ". Allowed: " ~ types | join(', ')
            ~ ". Choose one of these, or add it to the macro bigquery_type."
        ) }}
    {%- endif -%}
    {{ return(types[name]) }}
{%- endmacro %}

{% macro columns_of_contract(columns) -%}
    {%- set typed = {} -%}
    {%- for name, column in columns.items() -%}
        {%- do typed.update({name: dict(column, data_type=bigquery_type(column.data_type))}) -%}
    {%- endfor -%}
    {{ return(typed) }}
{%- endmacro %}

{# These three are dbt's own for BigQuery, of the translated types. #}
{% macro bigquery__get_empty_schema_sql(columns) -%}
    {{ return(dbt.default__get_empty_schema_sql(columns_of_contract(columns))) }}
{%- endmacro %}

{% macro bigquery__get_column_names() -%}
    {{ model['columns'].keys() | join(', ') }}
{%- endmacro %}

{% macro bigquery__get_table_columns_and_constraints() -%}
    {%- set columns = adapter.render_raw_columns_constraints(raw_columns=columns_of_contract(model['columns'])) -%}
    (
        {{ (columns + adapter.render_raw_model_constraints(raw_constraints=model['constraints'])) | join(',\n        ') }}
    )
{%- endmacro %}

{# BigQuery takes bigint for int64; its analyzer, which judges the text, knows the one name only. #}
{% macro bigquery__type_bigint() -%}int64{%- endmacro %}

{% macro bigquery__type_boolean() -%}bool{%- endmacro %}
