{# Fails on each key value that its dimension does not hold. `references` maps a column to the dimension and its key:
       carrier_key: {to: ref('dim_carrier'), field: carrier_key}
   The distinct values of a column are few, so they are joined instead of the rows.
   With `day`, a run that built some days looks at those alone. #}
{% test foreign_keys(model, references, day=none) %}

with {% for column, parent in references.items() -%}
{{ column }}_orphans as (

    select
        '{{ column }}' as column_name,
        cast(child.key_value as {{ dbt.type_string() }}) as key_value
    from (
        select distinct {{ column }} as key_value from {{ model }} {{ only_rebuilt_days(model, day) }}
    ) as child
    left join (select {{ parent.field }} as key_value from {{ parent.to }}) as parent
        on parent.key_value = child.key_value
    where parent.key_value is null

),

{% endfor -%}
orphans as (

    {% for column in references -%}
    select * from {{ column }}_orphans
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from orphans

{% endtest %}
