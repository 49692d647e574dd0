{{ config(dist='customer_id', sort='customer_id') }}

with days as (

    select * from {{ ref('int_customer_daily') }}
    where {{ counted_by(process_date()) }}

),

customers as (

    select
        customer_id,
        min(case when purchase_count > 0 then txn_date end) as first_purchase_date,
        max(case when purchase_count > 0 then txn_date end) as last_purchase_date,
        cast(sum(purchase_count) as bigint) as purchase_count,
        sum(net_amount) as historic_value
    from days
    group by customer_id

),

measured as (

    select
        customer_id,
        first_purchase_date,
        last_purchase_date,
        purchase_count,
        historic_value,
        -- The first day counts, so that nobody has been a customer for zero days.
        greatest({{ dbt.datediff('first_purchase_date', process_date(), 'day') }}, 0) + 1 as tenure_days,
        {{ dbt.datediff('last_purchase_date', process_date(), 'day') }} > {{ var('churn_days') }} as is_lost
    from customers
    where purchase_count > 0

),

final as (

    select
        customer_id,
        first_purchase_date,
        last_purchase_date,
        tenure_days,
        is_lost,
        purchase_count,
        historic_value,
        cast(historic_value / purchase_count as decimal(38, 2)) as average_purchase_value,
        -- Value per day so far, carried on for a year; at least 30 days are assumed, so that one purchase yesterday does
        -- not make a customer worth 365 of them. A lost customer brings nothing more.
        cast(
            case
                when is_lost then 0
                else historic_value * 365 / case when tenure_days < 30 then 30 else tenure_days end
            end as decimal(38, 2)
        ) as projected_value_365_days,
        {{ process_date() }} as process_date
    from measured

)

select * from final
