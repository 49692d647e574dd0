-- What customers spent in 90 days is what the facts of these days brought.
with customers as (

    select coalesce(sum(spend_90_days), 0) as spend
    from {{ ref('mart_credit_risk') }}

),

facts as (

    select coalesce(sum(net_amount), 0) as spend
    from {{ ref('fact_transactions') }}
    where {{ happened_by(process_date()) }}
        and txn_date > {{ dbt.dateadd('day', -90, process_date()) }}

)

select
    customers.spend as customer_spend,
    facts.spend as fact_spend
from customers
cross join facts
where customers.spend <> facts.spend
