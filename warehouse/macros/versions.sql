{# Reading the raw tables of declared sources, which hold every version of every row with the instant from which it was
   known. Both give a subquery to select from; of two versions known at one instant the one loaded later counts.

   relation  a source, such as source('shop', 'orders')
   key       the columns that name a row, as declared #}

{# The newest version of each row that the source still has. #}
{% macro current_versions(relation, key) -%}
    {{ newest_versions(relation, key, 'true') }}
{%- endmacro %}

{# What was known at an instant, an SQL expression: versions known later are as if they had never come. #}
{% macro versions_as_of(relation, key, instant) -%}
    {{ newest_versions(relation, key, 'known_at <= ' ~ instant) }}
{%- endmacro %}

{% macro newest_versions(relation, key, condition) -%}
    (
        select *
        from (
            select
                versions.*,
                row_number() over (
                    partition by {{ key | join(', ') }}
                    order by known_at desc, loaded_at desc, source_position desc
                ) as version_rank
            from {{ relation }} as versions
            where {{ condition }}
        ) as ranked
        where version_rank = 1 and not is_deleted
    )
{%- endmacro %}
