-- Drift of features and scores, month by month, with what it is worth to the model and whether the model is in use.
with drift as (

    select * from {{ ref('stg_ml__drift') }}

),

champions as (

    select * from {{ ref('stg_ml__model_champion') }}

),

final as (

    select
        drift.model_name,
        drift.model_version,
        champions.model_name is not null as is_champion,
        drift.subject,
        drift.name,
        drift.kind,
        drift.window_start,
        drift.window_end,
        drift.reference_rows,
        drift.current_rows,
        drift.psi,
        drift.js,
        drift.ks,
        drift.p_value,
        drift.q_value,
        drift.null_share_current - drift.null_share_reference as null_share_change,
        drift.outside_share_current,
        drift.importance_share,
        drift.is_seasonal,
        drift.is_drifted,
        drift.is_alert,
        -- 1 is the largest shift of the model's window.
        row_number() over (
            partition by drift.model_name, drift.model_version, drift.window_start
            order by drift.psi desc nulls first, drift.subject, drift.name
        ) as psi_rank,
        drift.computed_at
    from drift
    left join champions
        on champions.model_name = drift.model_name
        and champions.model_version = drift.model_version

)

select * from final
