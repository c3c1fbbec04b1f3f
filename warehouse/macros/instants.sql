{# Instants and wall clocks. An instant is a UTC timestamp; a local time is a timestamp without zone. #}

{# The wall clock at an instant in a zone. #}
{% macro at_zone(instant, zone) -%}
    {{ return(adapter.dispatch('at_zone')(instant, zone)) }}
{%- endmacro %}

{% macro default__at_zone(instant, zone) -%}
    ({{ instant }} at time zone {{ zone }})
{%- endmacro %}

{% macro bigquery__at_zone(instant, zone) -%}
    datetime({{ instant }}, {{ zone }})
{%- endmacro %}

{# The instant at which a zone shows a wall clock; of the two in the autumn hour, the later. #}
{% macro from_zone(local_time, zone) -%}
    {{ return(adapter.dispatch('from_zone')(local_time, zone)) }}
{%- endmacro %}

{% macro default__from_zone(local_time, zone) -%}
    ({{ local_time }} at time zone {{ zone }})
{%- endmacro %}

{# BigQuery takes the earlier of the two; an hour on, the clock shows the same again. #}
{% macro bigquery__from_zone(local_time, zone) -%}
    {%- set earlier = 'timestamp(' ~ local_time ~ ', ' ~ zone ~ ')' -%}
    {%- set hour_on = 'timestamp_add(' ~ earlier ~ ', interval 1 hour)' -%}
    if(datetime({{ hour_on }}, {{ zone }}) = {{ local_time }}, {{ hour_on }}, {{ earlier }})
{%- endmacro %}

{% macro add_minutes(moment, minutes) -%}
    {{ return(adapter.dispatch('add_minutes')(moment, minutes)) }}
{%- endmacro %}

{% macro default__add_minutes(moment, minutes) -%}
    ({{ moment }} + interval '1 minute' * ({{ minutes }}))
{%- endmacro %}

{% macro bigquery__add_minutes(moment, minutes) -%}
    ({{ moment }} + interval ({{ minutes }}) minute)
{%- endmacro %}

{% macro minutes_between(first_instant, second_instant) -%}
    {{ return(adapter.dispatch('minutes_between')(first_instant, second_instant)) }}
{%- endmacro %}

{% macro default__minutes_between(first_instant, second_instant) -%}
    cast(extract(epoch from {{ second_instant }} - {{ first_instant }}) / 60 as {{ dbt.type_bigint() }})
{%- endmacro %}

{% macro bigquery__minutes_between(first_instant, second_instant) -%}
    timestamp_diff({{ second_instant }}, {{ first_instant }}, minute)
{%- endmacro %}

{# A wall clock from a date and a clock reading HHMM; 2400 is midnight at the end of that date. #}
{% macro clock_on_date(day, clock) -%}
    {{ add_minutes("cast(" ~ day ~ " as " ~ local_type() ~ ")", whole_quotient(clock, 100) ~ " * 60 + mod(" ~ clock ~ ", 100)") }}
{%- endmacro %}

{% macro whole_quotient(numerator, denominator) -%}
    {{ return(adapter.dispatch('whole_quotient')(numerator, denominator)) }}
{%- endmacro %}

{% macro default__whole_quotient(numerator, denominator) -%}
    {{ numerator }} / {{ denominator }}
{%- endmacro %}

{% macro bigquery__whole_quotient(numerator, denominator) -%}
    div({{ numerator }}, {{ denominator }})
{%- endmacro %}

{% macro instant_type() -%}
    {{ return(adapter.dispatch('instant_type')()) }}
{%- endmacro %}

{% macro default__instant_type() -%}
    timestamp with time zone
{%- endmacro %}

{% macro bigquery__instant_type() -%}
    timestamp
{%- endmacro %}

{# The type of a timestamp without zone. #}
{% macro local_type() -%}
    {{ return(adapter.dispatch('local_type')()) }}
{%- endmacro %}

{% macro default__local_type() -%}
    timestamp
{%- endmacro %}

{% macro bigquery__local_type() -%}
    datetime
{%- endmacro %}

{# The instant a published delay after a scheduled instant. Published delays are differences of wall clocks, so an
   event on the other side of a clock change is an hour off when the delay is simply added. The plain sum holds where it
   shows the published wall clock; where it does not, the wall clock is taken. The plain sum also settles the hour that
   comes twice in autumn: VX 413 reached Los Angeles at 01:14 on 2013-11-03, 339 minutes of flight after a take-off that
   leaves 18 minutes of taxiing for the first 01:14 and 78 for the second. #}
{% macro instant_after_delay(scheduled_at, delay_min, zone) -%}
    {%- set elapsed = add_minutes(scheduled_at, delay_min) -%}
    {%- set clock = add_minutes(at_zone(scheduled_at, zone), delay_min) -%}
    case
        when {{ at_zone(elapsed, zone) }} = {{ clock }} then {{ elapsed }}
        else {{ from_zone(clock, zone) }}
    end
{%- endmacro %}

{# The ends of type-2 validity: a first version reaches back to the one, a current version on to the other. #}
{% macro beginning_of_time() -%}
    cast('1900-01-01 00:00:00+00:00' as {{ instant_type() }})
{%- endmacro %}

{% macro end_of_time() -%}
    cast('9999-12-31 00:00:00+00:00' as {{ instant_type() }})
{%- endmacro %}

{# The first instant after another at which a zone shows a clock reading: the same day there, or the day after. #}
{% macro first_showing_after(clock, instant, zone) -%}
    {%- set day = "cast(" ~ at_zone(instant, zone) ~ " as date)" -%}
    {%- set same_day = from_zone(clock_on_date(day, clock), zone) -%}
    case
        when {{ same_day }} > {{ instant }} then {{ same_day }}
        else {{ from_zone(clock_on_date(dbt.dateadd('day', 1, day), clock), zone) }}
    end
{%- endmacro %}
