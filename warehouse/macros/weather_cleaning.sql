{#- What is cleaned of the weather, and up to which day its rules are fitted. -#}

{#- Not the gusts: where none are reported there were none. Not the wind's direction: it has none in calm. -#}
{% macro cleaned_weather_measures() -%}
    {{ return([
        'temperature_f', 'dew_point_f', 'humidity_pct', 'wind_speed_mph', 'precipitation_in', 'pressure_mb', 'visibility_mi'
    ]) }}
{%- endmacro %}

{#- The last day that the declared models are trained on (train_end in ml/models): later rows teach no rule. -#}
{% macro cleaning_fitted_until() -%}
    {{ return("cast('" ~ var('cleaning_fitted_until', '2013-08-31') ~ "' as date)") }}
{%- endmacro %}

{#- The sum of a measure with at most six decimals: exact, so that every engine finds it, whatever the order of rows. -#}
{% macro sum_of_decimals(measure) -%}
    sum(cast({{ measure }} as {{ dbt.type_numeric() }}))
{%- endmacro %}
