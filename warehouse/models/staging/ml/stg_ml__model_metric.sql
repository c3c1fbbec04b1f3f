with model_metrics as (

    select * from {{ source('ml', 'model_metric') }}

),

final as (

    select
        model_name,
        version as model_version,
        split,
        subject,
        metric,
        value,
        ci_low,
        ci_high,
        n as row_count
    from model_metrics

)

select * from final
