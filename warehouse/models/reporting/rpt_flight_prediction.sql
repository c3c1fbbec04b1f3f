-- What a model said of a flight, beside what became of it; keys lead to the star. A view: a million rows that are read
-- by model and date are not worth storing twice.
{{ config(materialized='view') }}

with predictions as (

    select * from {{ ref('stg_ml__prediction') }}

),

versions as (

    select * from {{ ref('stg_ml__model_version') }}

),

flights as (

    select * from {{ ref('fct_flight') }}

),

joined as (

    select
        predictions.model_name,
        predictions.model_version,
        predictions.flight_key,
        predictions.flight_date,
        flights.scheduled_departure_date_key,
        flights.scheduled_departure_time_key,
        flights.carrier_key,
        flights.origin_airport_key,
        flights.destination_airport_key,
        flights.route_key,
        flights.flight_status_key,
        predictions.prediction_at,
        versions.task,
        predictions.score,
        predictions.threshold,
        predictions.is_positive,
        {{ label_value('versions.label_column', 'flights') }} as actual,
        flights.outcome_known_at,
        predictions.flight_date between versions.train_start and versions.train_end as is_trained_on,
        predictions.scored_at
    from predictions
    inner join versions
        on versions.model_name = predictions.model_name
        and versions.model_version = predictions.model_version
    inner join flights on flights.flight_key = predictions.flight_key

),

final as (

    select
        *,
        actual - score as residual
    from joined

)

select * from final
