{#- The two moments at which a flight's features are taken, and what is taken for known of the timetable. -#}

{#- T-2h: two hours before the scheduled departure. -#}
{% macro two_hours_before_departure() -%}
    {{ return(add_minutes('scheduled_departure_at', -120)) }}
{%- endmacro %}

{#- The source says nothing on when a timetable was published; it is taken as known a day before departure. -#}
{% macro timetable_known_at() -%}
    {{ return(add_minutes('scheduled_departure_at', -1440)) }}
{%- endmacro %}

{#- Weather older than this does not speak for the present. -#}
{% macro weather_max_age_min() -%}{{ return(360) }}{%- endmacro %}

{% macro weather_measures() -%}
    {{ return([
        'temperature_f', 'dew_point_f', 'humidity_pct', 'wind_direction_deg', 'wind_speed_mph', 'wind_gust_mph',
        'precipitation_in', 'pressure_mb', 'visibility_mi'
    ]) }}
{%- endmacro %}
