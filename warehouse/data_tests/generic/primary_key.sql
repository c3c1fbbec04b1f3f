{# Fails on rows whose key is null or occurs more than once. For relations that cannot carry a constraint, and for the
   natural keys beside a surrogate one. #}
{% test primary_key(model, columns) %}

with rows_of_model as (

    select * from {{ model }}

)

select
    {{ columns | join(', ') }},
    count(*) as row_count
from rows_of_model
group by {{ columns | join(', ') }}
having count(*) > 1 or {% for column in columns %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %}

{% endtest %}
