{{ config(dist='all', sort='date_day') }}

with digits as (

    {{ digits() }}

),

numbers as (

    {{ numbers() }}

),

bounds as (

    select
        least(cast('{{ var('calendar_start') }}' as date), min(txn_date)) as first_day,
        greatest(cast({{ dbt.dateadd('year', 2, "date_trunc('year', " ~ process_date() ~ ")") }} as date), max(txn_date)) as end_day
    from {{ ref('stg_transactions') }}

),

days as (

    select cast({{ dbt.dateadd('day', 'numbers.n', 'bounds.first_day') }} as date) as date_day
    from numbers
    cross join bounds
    where numbers.n <= {{ dbt.datediff('bounds.first_day', 'bounds.end_day', 'day') }}

),

final as (

    select
        date_day,
        cast(extract(year from date_day) as integer) as year,
        cast(extract(quarter from date_day) as integer) as quarter,
        cast(extract(month from date_day) as integer) as month,
        cast(extract(day from date_day) as integer) as day_of_month,
        cast(extract(dow from date_day) as integer) as day_of_week,
        cast(date_trunc('month', date_day) as date) as month_start,
        last_day(date_day) as month_end,
        extract(dow from date_day) in (0, 6) as is_weekend
    from days

)

select * from final
