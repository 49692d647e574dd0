-- A customer has one row for a day and a day from which on its transactions count.
select
    customer_id,
    txn_date,
    counted_from
from {{ ref('int_customer_daily') }}
group by customer_id, txn_date, counted_from
having count(*) > 1
