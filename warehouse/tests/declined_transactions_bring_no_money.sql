-- Money rules: a declined transaction counts nothing, a refund never adds.
select
    transaction_id,
    status,
    is_refund,
    net_amount
from {{ ref('fact_transactions') }}
where (not is_approved and net_amount <> 0)
    or (is_refund and net_amount > 0)
