-- Every fact points to the versions of its customer and its merchant that were valid on its day.
select
    facts.transaction_id,
    facts.txn_date,
    facts.customer_key,
    facts.merchant_key
from {{ ref('fact_transactions') }} as facts
left join {{ ref('dim_customers') }} as customers on facts.customer_key = customers.customer_key
left join {{ ref('dim_merchants') }} as merchants on facts.merchant_key = merchants.merchant_key
where customers.customer_key is null
    or merchants.merchant_key is null
    or facts.customer_id <> customers.customer_id
    or facts.merchant_id <> merchants.merchant_id
    or not ({{ was_valid('customers', 'facts.txn_date') }})
    or not ({{ was_valid('merchants', 'facts.txn_date') }})
