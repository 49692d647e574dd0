-- Every approved transaction up to the batch date is in the daily sales, once: counts and money agree.
with daily as (

    select
        coalesce(sum(txn_count), 0) as txn_count,
        coalesce(sum(gross_sales), 0) as sales
    from {{ ref('mart_sales_daily') }}

),

facts as (

    select
        count(*) as txn_count,
        coalesce(sum(net_amount), 0) as sales
    from {{ ref('fact_transactions') }}
    where is_approved
        and {{ happened_by(process_date()) }}

)

select
    daily.txn_count as daily_count,
    facts.txn_count as fact_count,
    daily.sales as daily_sales,
    facts.sales as fact_sales
from daily
cross join facts
where daily.txn_count <> facts.txn_count
    or daily.sales <> facts.sales
