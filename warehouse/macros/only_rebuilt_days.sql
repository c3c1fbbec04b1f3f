{# Which rows a test looks at. A test of a whole fact after one added day would cost more than building the day. So a run
   that builds a model for some days and tests it looks at those days; a run that only tests, or that built the model
   whole, looks at all rows. Rows of other days were tested when they were written.
   A model that asked for its days in an earlier CTE reads no other days of a second input by it either. #}
{% macro only_rebuilt_days(model, day, period='day') -%}
    {%- if not day -%}{{ return('') }}{%- endif -%}
    {%- if checked_date('start_date') or checked_date('end_date') -%}
        where {{ days_from_variables(day, period) }}
    {%- elif execute and model | string in rebuilt_in_this_run() -%}
        where {{ in_days(day, rebuilt_in_this_run()[model | string], period) }}
    {%- endif -%}
{%- endmacro %}

{# Called by an incremental model while it compiles, with the days (or first days of months) it is about to build. #}
{% macro remember_rebuilt(days) -%}
    {%- set rebuilt = rebuilt_in_this_run() -%}
    {%- set known = rebuilt.get(this | string, []) -%}
    {%- do rebuilt.update({this | string: (known + days) | unique | sort | list}) -%}
{%- endmacro %}

{# By relation, the days built so far by this invocation. dbt has no memory that its nodes share but the graph. #}
{% macro rebuilt_in_this_run() -%}
    {{ return(graph.setdefault('rebuilt_days', {}).setdefault(invocation_id, {})) }}
{%- endmacro %}
