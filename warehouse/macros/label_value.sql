{#- What a model predicts of a flight, as a number: flags as 1 and 0, null where the flight has no such outcome.
    `label_column` is an expression that names a column of fct_flight, `flights` the alias of its rows. -#}
{% macro label_value(label_column, flights) -%}
    {%- set flags = ['is_late_arrival', 'is_cancelled', 'is_diverted'] -%}
    {%- set measures = ['arrival_delay_min', 'departure_delay_min', 'air_time_min'] -%}
        cast(case {{ label_column }}
            {%- for flag in flags %}
            when '{{ flag }}' then case when {{ flights }}.{{ flag }} then 1 when not {{ flights }}.{{ flag }} then 0 end
            {%- endfor %}
            {%- for measure in measures %}
            when '{{ measure }}' then {{ flights }}.{{ measure }}
            {%- endfor %}
        end as {{ dbt.type_float() }})
{%- endmacro %}
