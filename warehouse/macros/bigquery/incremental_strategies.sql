{# The incremental strategies of the house on BigQuery, each one atomic statement where Postgres takes two in a
   transaction: a reader sees the rows before or the rows after.

     append          the table emptied and filled (macro replace_rows): every row replaced
     delete+insert   the days (or months) of the new rows replaced: the table's partitions, named as constants, so that
                     no other partition is read
     merge           dbt's own

   A model that replaces days is partitioned by its unique_key. Its new rows stand in a temporary table first
   (on_schema_change), which tells their days; dbt's own insert_overwrite either wants the days before the rows are
   there, or keeps them in a variable. #}
{% macro dbt_bigquery_validate_get_incremental_strategy(config) -%}
    {%- set strategy = config.get('incremental_strategy') or 'merge' -%}
    {%- if strategy not in ['append', 'delete+insert', 'merge'] -%}
        {{ exceptions.raise_compiler_error(
            "The incremental strategy is " ~ strategy ~ ". Allowed: append, delete+insert, merge."
        ) }}
    {%- endif -%}
    {%- if strategy == 'delete+insert'
        and (config.get('partition_by') or {}).get('field', '') != config.get('unique_key') -%}
        {{ exceptions.raise_compiler_error(
            "The strategy delete+insert replaces partitions on BigQuery: the unique_key " ~ config.get('unique_key')
            ~ " is not the field of partition_by. Partition the model by it."
        ) }}
    {%- endif -%}
    {{ return(strategy) }}
{%- endmacro %}

{% macro bq_generate_incremental_build_sql(
    strategy, tmp_relation, target_relation, sql, unique_key, partition_by, partitions, dest_columns,
    tmp_relation_exists, copy_partitions, incremental_predicates
) -%}
    {%- if not tmp_relation_exists -%}
        {{ exceptions.raise_compiler_error(
            "on_schema_change is ignore. Allowed: fail, which makes the new rows a table first. Change the model's config."
        ) }}
    {%- endif -%}
    {%- set new_rows = '(select * from ' ~ tmp_relation ~ ')' -%}
    {%- if strategy == 'append' -%}
        {{ return(get_insert_overwrite_merge_sql(target_relation, new_rows, dest_columns, [])) }}
    {%- elif strategy == 'merge' -%}
        {{ return(get_merge_sql(target_relation, new_rows, unique_key, dest_columns, incremental_predicates or [])) }}
    {%- endif -%}
    {%- set periods = run_query('select distinct ' ~ unique_key ~ ' from ' ~ tmp_relation).columns[0].values() | sort -%}
    {%- if not periods -%}
        {{ return('select 1 as nothing_to_replace') }}
    {%- endif -%}
    {%- set replaced = 'DBT_INTERNAL_DEST.' ~ in_days(unique_key, periods) -%}
    {{ return(get_insert_overwrite_merge_sql(target_relation, new_rows, dest_columns, [replaced])) }}
{%- endmacro %}
