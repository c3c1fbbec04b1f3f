with drifts as (

    select * from {{ source('ml', 'drift') }}

),

final as (

    select
        model_name,
        model_version,
        subject,
        name,
        kind,
        window_start,
        window_end,
        reference_rows,
        current_rows,
        psi,
        js,
        ks,
        p_value,
        q_value,
        null_share_reference,
        null_share_current,
        outside_share_current,
        importance_share,
        is_seasonal,
        is_drifted,
        is_alert,
        computed_at
    from drifts

)

select * from final
