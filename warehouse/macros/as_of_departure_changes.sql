{#-
    How an airport's departures go, as a timeline of changes for `as_of` to add up: each flight enters a counter at the
    instant that became known, never earlier, and leaves it when its window has passed. So one look-up gives every
    window, both ends right to the minute.

      departed_<n>h_count          flights that left in the last n hours: later than n hours ago, up to now
      delay_<n>h_sum_min           their departure delays
      overdue_count                flights past their scheduled departure that have not left; a flight leaves this
                                   queue when it departs, and three hours after its schedule at the latest. A cancelled
                                   flight waits like any other: the source does not say when it was called off, so
                                   only its schedule may speak.
      overdue_scheduled_sum_min    their scheduled departures, in minutes since 2000-01-01
      given_up_3h_count            flights that left the queue undeparted in the last three hours

    Counters hold whole numbers, which floats of 64 bits add up exactly, and every flight that enters one also leaves it.
    So a build of one day and a build of everything give the same bits: neither the order of addition nor the flights
    long gone show in a counter.

    Arguments: `flights` a CTE of fct_flight rows, `by` the columns to group by, `counters` those wanted.
-#}
{% macro as_of_departure_changes(flights, by, counters) -%}
    {%- set groups = by | join(', ') -%}
    {%- set gives_up_at = add_minutes('scheduled_departure_at', 180) -%}
    {%- set scheduled_min = minutes_since_2000('scheduled_departure_at') -%}
    {%- set has_left = 'coalesce(departed_at <= ' ~ gives_up_at ~ ', false)' -%}
    {%- set leaves_queue_at = 'case when ' ~ has_left
        ~ ' then greatest(departed_at, scheduled_departure_at) else ' ~ gives_up_at ~ ' end' -%}
    {%- set changes = [
        ('departed_at', has_bounded_delay(), {
            'departed_1h_count': '1', 'delay_1h_sum_min': 'departure_delay_min',
            'departed_3h_count': '1', 'delay_3h_sum_min': 'departure_delay_min'}),
        (add_minutes('departed_at', 60), has_bounded_delay(), {
            'departed_1h_count': '-1', 'delay_1h_sum_min': '-departure_delay_min'}),
        (add_minutes('departed_at', 180), has_bounded_delay(), {
            'departed_3h_count': '-1', 'delay_3h_sum_min': '-departure_delay_min'}),
        ('scheduled_departure_at', 'true', {'overdue_count': '1', 'overdue_scheduled_sum_min': scheduled_min}),
        (leaves_queue_at, 'true', {
            'overdue_count': '-1', 'overdue_scheduled_sum_min': '-' ~ scheduled_min,
            'given_up_3h_count': 'case when ' ~ has_left ~ ' then 0 else 1 end'}),
        (add_minutes('scheduled_departure_at', 360), 'not ' ~ has_left, {'given_up_3h_count': '-1'}),
    ] -%}
    select
        {{ groups }},
        changed_at
        {%- for counter in counters %},
        cast(sum({{ counter }}) as {{ dbt.type_float() }}) as {{ counter }}
        {%- endfor %}
    from (
        {%- set selects = [] -%}
        {%- for changed_at, condition, values in changes if values.keys() | select('in', counters) | list -%}
            {%- set columns = [] -%}
            {%- for counter in counters -%}
                {%- do columns.append(', ' ~ values.get(counter, '0') ~ ' as ' ~ counter) -%}
            {%- endfor -%}
            {%- do selects.append(
                'select ' ~ groups ~ ', ' ~ changed_at ~ ' as changed_at' ~ columns | join('')
                ~ '\n        from ' ~ flights ~ ' where ' ~ condition
            ) -%}
        {%- endfor %}
        {{ selects | join('\n        union all\n        ') }}
    ) as changes
    group by {{ groups }}, changed_at
{%- endmacro %}

{#- Flights that left more than 15 h late (7 in 2013) or 1 h early (none) do not count. It bounds what a day's features
    read, and whom a day loaded late touches: its own day, the day before and the day after. -#}
{% macro has_bounded_delay() -%}{{ return('departure_delay_min between -60 and 900') }}{%- endmacro %}

{#- How long the newest change may lie back: no counter holds a flight longer than this without a change, so that
    after it every counter is back at zero. -#}
{% macro departure_window_min() -%}{{ return(180) }}{%- endmacro %}

{% macro minutes_since_2000(instant) -%}
    {{ return(minutes_between("cast('2000-01-01 00:00:00+00:00' as " ~ instant_type() ~ ")", instant)) }}
{%- endmacro %}

{#- Counters become features here, so that they mean the same two hours before and at departure. A mean over no flight
    is null. -#}
{% macro departure_count(state, counter) -%}
    cast(coalesce({{ state }}.{{ counter }}, 0) as {{ dbt.type_bigint() }})
{%- endmacro %}

{% macro departure_delay_mean_min(state, hours) -%}
    {{ state }}.delay_{{ hours }}h_sum_min / nullif({{ state }}.departed_{{ hours }}h_count, 0)
{%- endmacro %}

{% macro overdue_wait_mean_min(state, at) -%}
    ({{ state }}.overdue_count * {{ minutes_since_2000(at) }} - {{ state }}.overdue_scheduled_sum_min)
        / nullif({{ state }}.overdue_count, 0)
{%- endmacro %}
