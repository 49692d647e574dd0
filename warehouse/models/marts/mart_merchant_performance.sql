{{ config(dist='merchant_id', sort='merchant_id') }}

with transactions as (

    select * from {{ ref('fact_transactions') }}
    where {{ happened_by(process_date()) }}

),

merchants as (

    select
        merchant_id,
        count(*) as attempt_count,
        sum(case when is_approved then 1 else 0 end) as approved_count,
        sum(case when is_approved and is_refund then 1 else 0 end) as refund_count,
        count(distinct case when is_approved then customer_id end) as customer_count,
        sum(net_amount) as net_sales,
        min(txn_date) as first_txn_date,
        max(txn_date) as last_txn_date
    from transactions
    group by merchant_id

),

final as (

    select
        merchants.merchant_id,
        dim_merchants.merchant_name,
        dim_merchants.merchant_category,
        dim_merchants.city,
        merchants.attempt_count,
        merchants.approved_count,
        merchants.refund_count,
        merchants.customer_count,
        merchants.net_sales,
        cast(
            cast(merchants.approved_count as decimal(18, 6)) / merchants.attempt_count as decimal(9, 6)
        ) as approval_rate,
        merchants.first_txn_date,
        merchants.last_txn_date
    from merchants
    inner join {{ ref('dim_merchants') }} as dim_merchants
        on merchants.merchant_id = dim_merchants.merchant_id
        and {{ was_valid('dim_merchants', process_date()) }}

)

select * from final
