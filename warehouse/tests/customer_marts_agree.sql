-- Both marts per customer are about the same customers, and their money is the same money.
select
    coalesce(rfm.customer_id, ltv.customer_id) as customer_id,
    rfm.monetary,
    ltv.historic_value
from {{ ref('mart_rfm_customer') }} as rfm
full outer join {{ ref('mart_ltv_customer') }} as ltv on rfm.customer_id = ltv.customer_id
where rfm.customer_id is null
    or ltv.customer_id is null
    or rfm.monetary <> ltv.historic_value
    or rfm.frequency <> ltv.purchase_count
