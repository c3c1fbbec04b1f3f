with model_versions as (

    select * from {{ source('ml', 'model_version') }}

),

final as (

    select
        model_name,
        version as model_version,
        task,
        algorithm,
        {{ json_text('spec', ['label', 'column']) }} as label_column,
        threshold,
        train_start,
        train_end,
        test_start,
        test_end,
        training_rows,
        test_rows,
        training_set_sha256,
        artifact_sha256,
        code_version,
        trained_at
    from model_versions

)

select * from final
