-- How good the predictions of a month turned out to be. Flights a model was trained on are told apart: its figures
-- there say how well it remembers, not how well it predicts.
with predictions as (select * from {{ ref('stg_ml__prediction') }}),

versions as (select * from {{ ref('stg_ml__model_version') }}),

flights as (select * from {{ ref('fct_flight') }}),

outcomes as (

    select
        predictions.*,
        versions.task,
        predictions.flight_date between versions.train_start and versions.train_end as is_trained_on,
        {{ label_value('versions.label_column', 'flights') }} as actual
    from predictions
    inner join versions
        on versions.model_name = predictions.model_name
        and versions.model_version = predictions.model_version
    inner join flights on flights.flight_key = predictions.flight_key

),

-- Rows of equal score are one from here on: what follows needs only their counts and sums.
scores as (

    select
        model_name, model_version, task,
        {{ month_of('flight_date') }} as month_date,
        is_trained_on,
        score,
        max(case when is_positive then 1 else 0 end) as positive_flag,
        count(*) as prediction_count,
        count(actual) as outcome_count,
        coalesce(sum(actual), 0) as actual_sum,
        coalesce(sum(actual * actual), 0) as actual_square_sum,
        coalesce(sum(actual - score), 0) as residual_sum,
        coalesce(sum(abs(actual - score)), 0) as residual_absolute_sum,
        coalesce(sum((actual - score) * (actual - score)), 0) as residual_square_sum,
        max(scored_at) as scored_at
    from outcomes
    group by 1, 2, 3, 4, 5, 6

),

-- AUC is the share of pairs of a positive and a negative in which the positive has the higher score, ties by half.
compared as (

    select
        *,
        actual_sum * (
            coalesce(sum(outcome_count - actual_sum) over (
                partition by model_name, model_version, month_date, is_trained_on order by score
                rows between unbounded preceding and 1 preceding
            ), 0) + (outcome_count - actual_sum) / 2
        ) as won_pairs,
        -- A wrong probability of exactly 0 or 1 would cost infinitely much.
        greatest(least(score, 1 - 1e-15), 1e-15) as probability
    from scores

),

totals as (

    select
        model_name, model_version, task, month_date, is_trained_on,
        task = 'classification' as is_classification,
        cast(sum(prediction_count) as {{ dbt.type_bigint() }}) as prediction_count,
        cast(sum(outcome_count) as {{ dbt.type_bigint() }}) as outcome_count,
        cast(nullif(sum(outcome_count), 0) as {{ dbt.type_float() }}) as judged_count,
        sum(actual_sum) as actual_sum,
        sum(actual_square_sum) as actual_square_sum,
        sum(score * outcome_count) as score_sum,
        sum(residual_sum) as residual_sum,
        sum(residual_absolute_sum) as residual_absolute_sum,
        sum(residual_square_sum) as residual_square_sum,
        sum(won_pairs) as won_pairs,
        sum(case when task = 'classification' then
            actual_sum * ln(probability) + (outcome_count - actual_sum) * ln(1 - probability)
        end) as log_likelihood,
        cast(sum(positive_flag * outcome_count) as {{ dbt.type_float() }}) as flagged_count,
        sum(positive_flag * actual_sum) as flagged_rightly_count,
        max(scored_at) as scored_at
    from compared
    group by 1, 2, 3, 4, 5

),

final as (

    select
        model_name, model_version, task, month_date, is_trained_on,
        prediction_count,
        outcome_count,
        actual_sum / judged_count as actual_mean,
        score_sum / judged_count as score_mean,
        case when is_classification then
            won_pairs / nullif(actual_sum * (judged_count - actual_sum), 0)
        end as auc,
        -log_likelihood / judged_count as log_loss,
        case when is_classification then residual_square_sum / judged_count end as brier_score,
        case when is_classification then flagged_rightly_count / nullif(flagged_count, 0) end as precision_share,
        case when is_classification then flagged_rightly_count / nullif(actual_sum, 0) end as recall_share,
        case when not is_classification then residual_absolute_sum / judged_count end as mean_absolute_error,
        case when not is_classification then sqrt(residual_square_sum / judged_count) end as root_mean_square_error,
        case when not is_classification then
            1 - residual_square_sum / nullif(actual_square_sum - actual_sum * actual_sum / judged_count, 0)
        end as r_squared,
        residual_sum / judged_count as residual_mean,
        scored_at
    from totals

)

select * from final
