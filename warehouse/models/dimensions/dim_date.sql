{{ config(dist='all', sort='date_day') }}
{% set first_day = "cast('" ~ var('calendar_start') ~ "' as date)" %}

with digits as (

    {{ digits() }}

),

numbers as (

    {{ numbers() }}

),

days as (

    select cast({{ dbt.dateadd('day', 'n', first_day) }} as date) as date_day
    from numbers
    where n < {{ var('calendar_days') }}

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
