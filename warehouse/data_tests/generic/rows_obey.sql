{# Fails on each named rule that some row breaks, and tells how many. A rule is an expression that must be true: one that
   is null for a row is broken by it. All rules cost one scan together.
   With `day`, a run that built some days looks at those alone. #}
{% test rows_obey(model, rules, day=none) %}

with rows_of_model as (

    select * from {{ model }}
    {{ only_rebuilt_days(model, day) }}

),

broken as (

    select
        {%- for name, rule in rules.items() %}
        sum(case when ({{ rule }}) is not true then 1 else 0 end) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from rows_of_model

),

listed as (

    {% for name in rules -%}
    select '{{ name }}' as broken_rule, {{ name }} as row_count from broken
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from listed where row_count > 0

{% endtest %}
