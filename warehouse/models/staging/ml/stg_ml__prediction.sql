with predictions as (

    select * from {{ source('ml', 'prediction') }}

),

final as (

    select
        model_name,
        flight_key,
        flight_date,
        prediction_at,
        model_version,
        margin,
        score,
        threshold,
        is_positive,
        scored_at
    from predictions

)

select * from final
