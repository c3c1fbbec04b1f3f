{# Which days an incremental model builds again, as a condition on its input's day column.

   With the variables start_date and end_date: those days, both included. Without: every day whose rows in `source` were
   loaded at another time than the rows this table holds for it, which covers new days, days loaded again, and days an
   earlier run missed. A watermark over the whole table would miss the last kind.

   day         column of the rows to filter
   source      relation that tells what was loaded: has `source_day` and loaded_at
   target_day  column of this table that holds the period
   target_loaded_at  column of this table that remembers the source's loaded_at; a table fed by two sources keeps one for
               each and joins two conditions by `or`
   period      'day' or 'month': whole months are built again where the grain is a month
   source_state, target_state  aggregates that differ when something was loaded anew. By default the newest load; a period
               of several days needs load_stamp, as one day of it may be loaded at an instant another day already shows
   days_after  also build so many days after each touched one, for rows that look back
#}
{% macro incremental_days(
    day, source, source_day='flight_date', target_day='flight_date', period='day', days_after=0,
    target_loaded_at='loaded_at', source_state='max(loaded_at)', target_state=none
) -%}
    {%- if checked_date('start_date') or checked_date('end_date') -%}
        {{ days_from_variables(day, period, days_after) }}
    {%- else -%}
        {%- set has_index = target_state is none and is_indexed(target_day, target_loaded_at) -%}
        {%- set state = target_state or 'max(' ~ target_loaded_at ~ ')' -%}
        {{ days_in_list(
            day, changed_periods(source, source_day, target_day, period, days_after, source_state, state, has_index), period
        ) }}
    {%- endif -%}
{%- endmacro %}

{% macro days_from_variables(day, period='day', days_after=0) -%}
    {%- set first_day = "cast('" ~ (checked_date('start_date') or '0001-01-01') ~ "' as date)" -%}
    {%- set last_day = "cast('" ~ (checked_date('end_date') or '9999-01-01') ~ "' as date)" -%}
    {%- if period == 'month' -%}
        {{ day }} >= {{ month_of(first_day) }}
        and {{ day }} < cast({{ dbt.dateadd('month', 1, month_of(last_day)) }} as date)
    {%- else -%}
        {{ day }} between {{ first_day }} and cast({{ dbt.dateadd('day', days_after, last_day) }} as date)
    {%- endif -%}
{%- endmacro %}

{# The condition with the days written out: the planner then reads those days alone, where it would not push a subquery
   below the joins of a view. The list is read before the model's lock is taken, which is safe, as building a day twice
   gives the same rows. #}
{% macro days_in_list(day, query, period='day') -%}
    {%- if not execute -%}{{ return('false') }}{%- endif -%}
    {%- set days = run_query(query).columns[0].values() | sort | list -%}
    {%- do remember_rebuilt(days) -%}
    {{ in_days(day, days, period) }}
{%- endmacro %}

{% macro in_days(day, days, period='day') -%}
    {%- if not days -%}{{ return('false') }}{%- endif -%}
    {%- if period == 'month' -%}
    ({% for value in days -%}
        {%- set first_day = "cast('" ~ value ~ "' as date)" -%}
        ({{ day }} >= {{ first_day }} and {{ day }} < cast({{ dbt.dateadd('month', 1, first_day) }} as date)){{ ' or ' if not loop.last }}
    {%- endfor %})
    {%- else -%}
    {{ day }} in ({% for value in days %}cast('{{ value }}' as date){{ ', ' if not loop.last }}{% endfor %})
    {%- endif -%}
{%- endmacro %}

{% macro changed_periods(
    source, source_day, target_day, period, days_after, source_state, target_state, has_index
) -%}
    with loaded as (
        select {{ period_of(source_day, period) }} as period_start, {{ source_state }} as state
        from {{ source }}
        group by 1
    ),
    {% if not has_index -%}
    built as (
        select {{ target_day }} as period_start, {{ target_state }} as state
        from {{ this }}
        group by 1
    ),
    {% endif -%}
    changed as (
        select loaded.period_start
        from loaded
        {% if has_index -%}
        where loaded.state is distinct from (
            select {{ target_state }} from {{ this }} as built where built.{{ target_day }} = loaded.period_start
        )
        {%- else -%}
        left join built on built.period_start = loaded.period_start
        where built.state is distinct from loaded.state
        {%- endif %}
    )
    {% for offset in range(days_after + 1) -%}
    select {% if offset %}cast({{ dbt.dateadd('day', offset, 'period_start') }} as date){% else %}period_start{% endif %}
    from changed
    {% if not loop.last %}union distinct{% endif %}
    {% endfor -%}
{%- endmacro %}

{# Whether this table has an index on period and load. Then a look-up a period, 365 of them, takes milliseconds where
   grouping a third of a million rows takes a tenth of a second; without the index the look-ups would take minutes. #}
{% macro is_indexed(target_day, target_loaded_at) -%}
    {%- for index in config.get('indexes', []) if index['columns'] | list == [target_day, target_loaded_at] -%}
        {{ return(true) }}
    {%- endfor -%}
    {{ return(false) }}
{%- endmacro %}

{# The load instants of a period's rows in one whole number. #}
{% macro load_stamp(loaded_at='loaded_at') -%}
    cast(sum({{ instant_id(loaded_at) }}) as {{ dbt.type_bigint() }})
{%- endmacro %}

{% macro period_of(day, period) -%}
    {%- if period == 'month' -%}{{ month_of(day) }}{%- else -%}{{ day }}{%- endif -%}
{%- endmacro %}

{# A date variable, refused unless it is a date: its text becomes part of a statement. #}
{% macro checked_date(name) -%}
    {%- set value = var(name, none) -%}
    {%- if value is none or value == '' -%}{{ return(none) }}{%- endif -%}
    {%- if not modules.re.match('^\d{4}-\d{2}-\d{2}$', value | string) -%}
        {{ exceptions.raise_compiler_error(
            "Variable " ~ name ~ " is not a date. Received: " ~ value ~ ". Allowed: YYYY-MM-DD or null. "
            ~ "Pass for example --vars '{" ~ name ~ ": 2013-03-10}'."
        ) }}
    {%- endif -%}
    {{ return(value | string) }}
{%- endmacro %}
