-- Every transaction is in one day of its customer: counts and money agree, day by day.
with source as (

    select
        txn_date,
        count(*) as attempts,
        sum({{ net_amount() }}) as net_amount
    from {{ ref('stg_transactions') }}
    group by txn_date

),

days as (

    select
        txn_date,
        sum(attempt_count) as attempts,
        sum(net_amount) as net_amount
    from {{ ref('int_customer_daily') }}
    group by txn_date

)

select
    coalesce(source.txn_date, days.txn_date) as txn_date,
    source.attempts as source_attempts,
    days.attempts as day_attempts,
    source.net_amount as source_amount,
    days.net_amount as day_amount
from source
full outer join days on source.txn_date = days.txn_date
where source.txn_date is null
    or days.txn_date is null
    or source.attempts <> days.attempts
    or source.net_amount <> days.net_amount
