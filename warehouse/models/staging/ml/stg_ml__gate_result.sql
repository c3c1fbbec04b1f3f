with gate_results as (

    select * from {{ source('ml', 'gate_result') }}

),

final as (

    select
        model_name,
        version as model_version,
        gate_number,
        gate,
        metric,
        split,
        criterion,
        threshold,
        value,
        is_passed,
        reason,
        judged_at
    from gate_results

)

select * from final
