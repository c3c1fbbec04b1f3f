{# Fails on each named measure whose total here differs from its total in another relation: what a join dropped or
   doubled shows here. `measures` maps a name to the two expressions: {here: "sum(flight_count)", there: "count(*)"}.
   With `day` (and `day_there` where the other relation names it otherwise), a run that built some days compares those alone. #}
{% test totals_match(model, to, measures, day=none, day_there=none, period='day') %}

with here as (

    select
        {%- for name, measure in measures.items() %}
        coalesce({{ measure.here }}, 0) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ model }}
    {{ only_rebuilt_days(model, day, period) }}

),

there as (

    select
        {%- for name, measure in measures.items() %}
        coalesce({{ measure.there }}, 0) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ to }}
    {{ only_rebuilt_days(model, day_there or day, period) }}

),

compared as (

    {% for name in measures -%}
    select '{{ name }}' as measure, here.{{ name }} as total_here, there.{{ name }} as total_there
    from here cross join there
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from compared where total_here is distinct from total_there

{% endtest %}
