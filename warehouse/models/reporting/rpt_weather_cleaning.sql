-- What cleaning changed in the weather: by measure how many hours were filled, and how many brought to a bound.
with measures as (

    select * from {{ ref('dim_weather_measure') }}

),

counts as (

    {{ cleaning_counts(ref('fct_weather_hour_cleaned'), cleaned_weather_measures()) }}

),

final as (

    select
        measures.measure_name,
        measures.fitted_until,
        measures.fitted_value_count,
        measures.fill_value,
        measures.lower_bound,
        measures.upper_bound,
        counts.row_count as hour_count,
        counts.missing_count,
        counts.outlier_count,
        {{ share('counts.missing_count + counts.outlier_count', 'counts.row_count') }} as changed_share
    from measures
    inner join counts on counts.column_name = measures.measure_name

)

select * from final
