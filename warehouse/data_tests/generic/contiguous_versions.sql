{# Fails where the versions of an entity leave a gap, overlap, have no or several current ones, are empty, or do not reach
   from the beginning to the end of time. #}
{% test contiguous_versions(model, entity, valid_from='valid_from', valid_to='valid_to', is_current='is_current') %}

with versions as (

    select
        {{ entity }} as entity,
        {{ valid_from }} as valid_from,
        {{ valid_to }} as valid_to,
        {{ is_current }} as is_current,
        lag({{ valid_to }}) over (partition by {{ entity }} order by {{ valid_from }}, {{ valid_to }}) as previous_end,
        lead({{ valid_from }}) over (partition by {{ entity }} order by {{ valid_from }}, {{ valid_to }}) as next_start
    from {{ model }}

)

select
    *,
    case
        when valid_from >= valid_to then 'empty version'
        when previous_end is null and valid_from <> {{ beginning_of_time() }} then 'first version starts late'
        when previous_end < valid_from then 'gap'
        when previous_end > valid_from then 'overlap'
        when next_start is null and valid_to <> {{ end_of_time() }} then 'last version ends early'
        when is_current <> (next_start is null) then 'current flag is wrong'
    end as fault
from versions
where
    valid_from >= valid_to
    or (previous_end is null and valid_from <> {{ beginning_of_time() }})
    or previous_end <> valid_from
    or (next_start is null and valid_to <> {{ end_of_time() }})
    or is_current <> (next_start is null)

{% endtest %}
