with model_champions as (

    select * from {{ source('ml', 'model_champion') }}

),

final as (

    select
        model_name,
        version as model_version,
        promoted_at
    from model_champions

)

select * from final
