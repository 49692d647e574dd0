{{ config(dist='even', sort='day') }}

with sales as (

    select * from {{ ref('fact_transactions') }}
    where is_approved
        and {{ happened_by(process_date()) }}

),

final as (

    select
        txn_date as day,
        mcc,
        merchant_category,
        channel,
        sum(net_amount) as gross_sales,
        count(*) as txn_count
    from sales
    group by txn_date, mcc, merchant_category, channel

)

select * from final
