{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{% if is_incremental() %}{{ delete_changed_days(this, ref('stg_transactions'), 'sum(attempt_count)') }}{% endif %}",
    dist='customer_id',
    sort=['txn_date', 'customer_id']
) }}

with transactions as (

    select
        transaction_id,
        customer_id,
        txn_ts,
        txn_date,
        -- A transaction counts once it has happened or was delivered, whatever comes first: see happened_by.
        least(txn_date, ingest_date) as counted_from,
        status = 'approved' as is_approved,
        status = 'approved' and not is_refund as is_purchase,
        cast({{ net_amount() }} as decimal(18, 2)) as net_amount,
        load_version
    from {{ ref('stg_transactions') }}
    {% if is_incremental() %}
    where txn_date in ({{ missing_days(this, ref('stg_transactions'), 'sum(attempt_count)') }})
    {% endif %}

),

days as (

    select
        customer_id,
        txn_date,
        counted_from,
        count(*) as attempt_count,
        sum(case when is_approved then 0 else 1 end) as declined_count,
        sum(case when is_purchase then 1 else 0 end) as purchase_count,
        sum(case when is_purchase then net_amount else 0 end) as purchase_amount,
        sum(net_amount) as net_amount,
        max(load_version) as load_version
    from transactions
    group by customer_id, txn_date, counted_from

),

days_with_declined as (

    select
        customer_id,
        txn_date
    from days
    where declined_count > 0
    group by customer_id, txn_date

),

-- The transactions of a day that count together, from the latest back: the declined ones before the first approved one are a streak.
ranked as (

    select
        days.customer_id,
        days.txn_date,
        days.counted_from,
        sum(case when transactions.is_approved then 1 else 0 end) over (
            partition by days.customer_id, days.txn_date, days.counted_from
            order by transactions.txn_ts desc, transactions.transaction_id desc
            rows between unbounded preceding and current row
        ) as approved_since
    from days
    inner join days_with_declined
        on days.customer_id = days_with_declined.customer_id
        and days.txn_date = days_with_declined.txn_date
    inner join transactions
        on days.customer_id = transactions.customer_id
        and days.txn_date = transactions.txn_date
        and days.counted_from >= transactions.counted_from

),

streaks as (

    select
        customer_id,
        txn_date,
        counted_from,
        count(*) as declined_streak
    from ranked
    where approved_since = 0
    group by customer_id, txn_date, counted_from

),

final as (

    select
        days.customer_id,
        days.txn_date,
        days.counted_from,
        days.attempt_count,
        days.declined_count,
        days.purchase_count,
        days.purchase_amount,
        days.net_amount,
        coalesce(streaks.declined_streak, 0) as declined_streak,
        days.load_version
    from days
    left join streaks
        on days.customer_id = streaks.customer_id
        and days.txn_date = streaks.txn_date
        and days.counted_from = streaks.counted_from

)

select * from final
