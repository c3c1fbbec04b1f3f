{# Who sent a statement: the project, the model or test, and the run of dbt. dbt's own comment names no run. #}
{% macro query_labels(node) -%}
    {{ return(tojson({'app': 'starhouse', 'model': node.name if node else 'dbt', 'run': invocation_id})) }}
{%- endmacro %}
