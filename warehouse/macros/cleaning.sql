{# Cleaning as models: missing values filled and outliers brought to the nearest bound, by parameters that are fitted on
   the training period alone, in three steps that each are a model of their own:

     int_<entity>__cleaning_rule   {{ cleaning_rules(...) }}: one row per column with its fill and its bounds
     int_<entity>__cleaned         {{ cleaned(...) }}: the rows, each treated column beside two flags of what was done
     agg_<entity>_cleaning         {{ cleaning_counts(...) }}: one row per column, what was changed and how often

   A rule that looked at later rows would tell the model of the future, so `until` is required. #}

{# One row per column: the median of the values there are, and the bounds outside which a value is an outlier, all three
   as values that occur (nearest rank), so that every engine finds the same ones.

   rows       the relation the rules are fitted on
   columns    its columns to be treated
   day        its column of dates
   until      the last day of the training period, an SQL date
   low, high  shares of the values that lie at or below the bounds #}
{% macro cleaning_rules(rows, columns, day, until, low=0.001, high=0.999) -%}
    {%- if not (0 <= low and low < 0.5 and 0.5 < high and high <= 1) -%}
        {{ exceptions.raise_compiler_error(
            "Bounds at " ~ low ~ " and " ~ high ~ ". Allowed: 0 <= low < 0.5 < high <= 1."
        ) }}
    {%- endif -%}
    {%- for column in columns %}
    select
        cast('{{ column }}' as {{ dbt.type_string() }}) as column_name,
        cast({{ until }} as date) as fitted_until,
        max(row_count) as row_count,
        count(*) as value_count,
        {{ value_at_rank(0.5) }} as median_value,
        {{ value_at_rank(low) }} as lower_bound,
        {{ value_at_rank(high) }} as upper_bound
    from (
        select
            cast({{ column }} as {{ dbt.type_float() }}) as treated_value,
            row_number() over (order by {{ column }} nulls last) as value_rank,
            count({{ column }}) over () as ranked_count,
            count(*) over () as row_count
        from {{ rows }}
        where {{ day }} <= {{ until }}
    ) as ranked
    where treated_value is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# The smallest value with at least this share of the values at or below it; the first for 0. #}
{% macro value_at_rank(share) -%}
    min(case when value_rank >= {{ share }} * ranked_count then treated_value end)
{%- endmacro %}

{# The rows with each treated column filled and bounded, under its own name, and `<column>_was_missing` and
   `<column>_was_outlier` beside it; all their other columns (`keep`) as they are. A column without a rule, as it had no
   value in the training period, is left as it is. #}
{% macro cleaned(rows, rules, columns, keep) -%}
    select
        {%- for column in keep %}
        treated.{{ column }},
        {%- endfor %}
        {%- for column in columns %}
        case
            when treated.{{ column }} is null then rule.{{ column }}_median
            when treated.{{ column }} < rule.{{ column }}_lower then rule.{{ column }}_lower
            when treated.{{ column }} > rule.{{ column }}_upper then rule.{{ column }}_upper
            else treated.{{ column }}
        end as {{ column }},
        treated.{{ column }} is null as {{ column }}_was_missing,
        coalesce(
            treated.{{ column }} < rule.{{ column }}_lower or treated.{{ column }} > rule.{{ column }}_upper, false
        ) as {{ column }}_was_outlier{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ rows }} as treated
    cross join (
        select
            {%- for column in columns %}
            max(case when column_name = '{{ column }}' then median_value end) as {{ column }}_median,
            max(case when column_name = '{{ column }}' then lower_bound end) as {{ column }}_lower,
            max(case when column_name = '{{ column }}' then upper_bound end) as {{ column }}_upper{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ rules }}
    ) as rule
{%- endmacro %}

{# One row per treated column of a cleaned relation: rows, and how many were missing or outliers. #}
{% macro cleaning_counts(cleaned_rows, columns) -%}
    {%- for column in columns %}
    select
        cast('{{ column }}' as {{ dbt.type_string() }}) as column_name,
        count(*) as row_count,
        sum(case when {{ column }}_was_missing then 1 else 0 end) as missing_count,
        sum(case when {{ column }}_was_outlier then 1 else 0 end) as outlier_count
    from {{ cleaned_rows }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
