{# Windows over a stream of events, defined once: a full build and one that follows the stream in small steps run this
   same text, so they give the same values.

   A window holds the events with window_start <= event_at < window_end. Windows are aligned to the epoch. #}

{# Each row once for every window its event lies in: a subquery with the rows' columns, window_start and window_end.
   length_s = step_s gives tumbling windows, a multiple of it sliding ones. #}
{% macro in_windows(events, length_s, step_s=none, event_at='event_at') -%}
    {%- set step = (step_s or length_s) | int -%}
    {%- set length = length_s | int -%}
    {%- if step < 1 or length < step or length % step -%}
        {{ exceptions.raise_compiler_error(
            "Windows of " ~ length_s ~ " s every " ~ step_s ~ " s. Allowed: a length that is a whole multiple of the "
            ~ "step, both in whole seconds of at least 1. Change length_s or step_s."
        ) }}
    {%- endif -%}
    {%- set count = length // step -%}
    (
        select
            placed.*,
            {{ instant_of_epoch('(newest_window_step - window_offset) * ' ~ step) }} as window_start,
            {{ instant_of_epoch('(newest_window_step - window_offset) * ' ~ step ~ ' + ' ~ length) }} as window_end
        from (
            select
                events.*,
                {{ epoch_step(event_at, step) }} as newest_window_step
            from {{ events }} as events
        ) as placed
        cross join (
            {%- for offset in range(count) %}
            select {{ offset }} as window_offset{{ ' union all' if not loop.last }}
            {%- endfor %}
        ) as offsets
    )
{%- endmacro %}

{# Which windows an incremental model builds again, as a condition on the event: those of every version of every key of
   which a version was loaded since this table was built. So a late event and a correction that moves an event find both
   their windows. `this` needs loaded_at, the newest load its windows saw. Tables of one source are loaded one load at a
   time, so a later commit never shows an earlier loaded_at. #}
{% macro touched_windows(versions, key, length_s, step_s=none, event_at='event_at') -%}
    window_start in (
        select touched.window_start
        from {{ in_windows(versions, length_s, step_s, event_at) }} as touched
        inner join (
            select distinct {{ key | join(', ') }}
            from {{ versions }}
            where loaded_at > (
                select coalesce(max(built.loaded_at), {{ beginning_of_time() }}) from {{ this }} as built
            )
        ) as changed using ({{ key | join(', ') }})
    )
{%- endmacro %}

{# Pre-hook of such a model: the touched windows go first, as one that became empty has no row that would replace it. #}
{% macro clear_touched_windows(versions, key, length_s, step_s=none, event_at='event_at') -%}
    {%- if execute and is_incremental() -%}
        delete from {{ this }} where {{ touched_windows(versions, key, length_s, step_s, event_at) }}
    {%- endif -%}
{%- endmacro %}

{# Whether a window is final: it ends at or before the source's watermark. #}
{% macro is_final(window_end, relation) -%}
    coalesce(
        {{ window_end }} <= (
            select watermark from {{ relation.include(identifier=false) }}.intake_watermark
            where relation = '{{ relation.identifier }}'
        ),
        false
    )
{%- endmacro %}

{# A continuous value as a category: the label of the first bound it lies below, the last label from the last bound on;
   missing stays missing. Labels default to the intervals. #}
{% macro bucket_of(value, bounds, labels=none) -%}
    {%- if labels is not none and labels | length != bounds | length + 1 -%}
        {{ exceptions.raise_compiler_error(
            bounds | length ~ " bounds have " ~ labels | length ~ " labels. Allowed: one more label than bounds."
        ) }}
    {%- endif -%}
    {%- if bounds | sort | list != bounds | list -%}
        {{ exceptions.raise_compiler_error("The bounds " ~ bounds ~ " do not ascend. Put them in order.") }}
    {%- endif -%}
    case
        {%- for bound in bounds %}
        when {{ value }} < {{ bound }} then '{{ labels[loop.index0] if labels else interval_label(bounds, loop.index0) }}'
        {%- endfor %}
        when {{ value }} >= {{ bounds[-1] }} then '{{ labels[-1] if labels else interval_label(bounds, bounds | length) }}'
    end
{%- endmacro %}

{% macro interval_label(bounds, place) -%}
    {%- if place == 0 -%}below {{ bounds[0] }}
    {%- elif place == bounds | length -%}{{ bounds[-1] }} and more
    {%- else -%}{{ bounds[place - 1] }} to {{ bounds[place] }}
    {%- endif -%}
{%- endmacro %}

{# How many whole steps of so many seconds an instant is after the epoch; before it, negative and rounded down. #}
{% macro epoch_step(instant, step_s) -%}
    {{ return(adapter.dispatch('epoch_step')(instant, step_s)) }}
{%- endmacro %}

{% macro default__epoch_step(instant, step_s) -%}
    cast(floor(extract(epoch from {{ instant }}) / {{ step_s }}) as {{ dbt.type_bigint() }})
{%- endmacro %}

{% macro bigquery__epoch_step(instant, step_s) -%}
    cast(floor(unix_micros({{ instant }}) / ({{ step_s }} * 1000000)) as int64)
{%- endmacro %}

{% macro instant_of_epoch(seconds) -%}
    {{ return(adapter.dispatch('instant_of_epoch')(seconds)) }}
{%- endmacro %}

{% macro default__instant_of_epoch(seconds) -%}
    to_timestamp({{ seconds }})
{%- endmacro %}

{% macro bigquery__instant_of_epoch(seconds) -%}
    timestamp_seconds({{ seconds }})
{%- endmacro %}
