{#-
    The one as-of join of the house: for each row of a spine, what a timeline had brought by the spine row's instant.
    Every point-in-time feature comes through here, so that the rule on what may be seen stands in one place.

    Rules, each under a unit test:
      - a timeline row known at the very instant of the look-up counts as known (known_at <= at);
      - nothing known yet gives nulls, and so does a newest row older than `max_age_min` (exactly as old still counts);
      - a spine row's answer depends on no other spine row; every spine row with an instant is answered exactly once.

    Method: both tables are stacked into one timeline a group and read in order. Two sorts at most and no join, whatever
    the number of rows: a correlated look-up per row or a range join grows with their product. Only standard window
    functions: Postgres has no IGNORE NULLS before 19, so the newest value is the first of its stretch, the look-ups
    that follow one known row.

    Arguments
      spine, timeline    names of CTEs; `by` and `known_at` of the timeline are not null
      key                the spine's unique key, text
      at                 the spine's instant; a row without one is not answered
      known_at           when the timeline's row became known
      by                 names of the columns both share (same airport, same airline, …), not null
      columns            timeline columns of which the newest value is returned, as `<prefix><column>`; then the
                         timeline has one row per `by` and `known_at`
      totals             timeline columns of which the sum over all rows known by then is returned, named alike
      max_age_min        how many minutes old the newest row may be at most to be answered with; none = any age
    Always returned: `key`, and `<prefix>known_at`, when the newest row became known.
-#}
{% macro as_of(spine, timeline, key, at, known_at, by, columns=[], totals=[], prefix='', max_age_min=none) -%}
    {%- set groups = by | join(', ') -%}
    {%- set values = columns + totals -%}
    {%- set is_fresh = 'newest_instant is not null' if max_age_min is none
        else 'newest_instant >= ' ~ add_minutes('at_instant', -max_age_min) %}
    select
        {{ key }},
        {%- for value in values %}
        case when {{ is_fresh }} then newest_{{ value }} end as {{ prefix }}{{ value }},
        {%- endfor %}
        case when {{ is_fresh }} then newest_instant end as {{ prefix }}known_at
    from (
        select
            {{ key }},
            at_instant,
            {%- for column in columns %}
            first_value({{ column }}) over stretch as newest_{{ column }},
            {%- endfor %}
            {%- for total in totals %}
            newest_{{ total }},
            {%- endfor %}
            newest_instant
        from (
            select
                stacked.*,
                {%- for total in totals %}
                sum({{ total }}) over so_far as newest_{{ total }},
                {%- endfor %}
                count(known_instant) over so_far as stretch_number,
                max(known_instant) over so_far as newest_instant
            from (
                select
                    {{ groups }},
                    {{ known_at }} as at_instant,
                    {{ known_at }} as known_instant,
                    cast(null as {{ dbt.type_string() }}) as {{ key }},
                    {%- for value in values %}
                    {{ value }},
                    {%- endfor %}
                    0 as is_asked
                from {{ timeline }}
                union all
                -- is_asked sorts a look-up behind the rows known at the same instant: a tie is known.
                select
                    {{ groups }},
                    {{ at }},
                    null,
                    {{ key }},
                    {%- for value in values %}
                    null,
                    {%- endfor %}
                    1
                from {{ spine }}
                where {{ at }} is not null
            ) as stacked
            window so_far as (
                partition by {{ groups }} order by at_instant, is_asked
                rows between unbounded preceding and current row
            )
        ) as stretches
        {%- if columns %}
        window stretch as (partition by {{ groups }}, stretch_number order by is_asked)
        {%- endif %}
    ) as answered
    -- Not `is_asked = 1`: a planner has no statistics of that column and takes it for 0.5 % of the rows.
    where {{ key }} is not null
{%- endmacro %}
