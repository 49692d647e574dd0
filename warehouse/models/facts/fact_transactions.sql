{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='transaction_id',
    on_schema_change='append_new_columns',
    pre_hook="{% if is_incremental() %}{{ delete_reloaded(this, ref('stg_transactions')) }}{% endif %}",
    dist='transaction_id',
    sort=['txn_date', 'txn_ts']
) }}

with customers as (

    select * from {{ ref('dim_customers') }}

),

merchants as (

    select * from {{ ref('dim_merchants') }}

),

{% if is_incremental() %}
-- Facts whose customer or merchant has a version since that was valid on their day.
outdated as (

    select facts.transaction_id
    from {{ this }} as facts
    inner join customers
        on facts.customer_id = customers.customer_id
        and {{ was_valid('customers', 'facts.txn_date') }}
    inner join merchants
        on facts.merchant_id = merchants.merchant_id
        and {{ was_valid('merchants', 'facts.txn_date') }}
    where facts.customer_key <> customers.customer_key
        or facts.merchant_key <> merchants.merchant_key

),

{% endif %}
transactions as (

    select * from {{ ref('stg_transactions') }}
    {% if is_incremental() %}
    -- Everything that the loader took over since the last build, whatever day it belongs to: late rows reach theirs.
    where load_version > (select coalesce(max(load_version), -1) from {{ this }})
        or transaction_id in (select transaction_id from outdated)
    {% endif %}

),

final as (

    select
        -- ids
        transactions.transaction_id,
        transactions.customer_id,
        transactions.card_id,
        transactions.merchant_id,
        customers.customer_key,
        merchants.merchant_key,

        -- text
        transactions.currency,
        transactions.mcc,
        transactions.merchant_category,
        transactions.status,
        transactions.channel,

        -- numerics
        transactions.amount,
        cast({{ net_amount('transactions.amount', 'transactions.status', 'transactions.is_refund') }} as decimal(18, 2))
            as net_amount,
        transactions.days_late,

        -- booleans
        transactions.status = 'approved' as is_approved,
        transactions.is_refund,
        transactions.days_late > 0 as is_late,

        -- dates and timestamps
        transactions.txn_ts,
        transactions.txn_date,
        transactions.ingest_date,

        -- lineage
        transactions.load_version

    from transactions
    left join customers
        on transactions.customer_id = customers.customer_id
        and {{ was_valid('customers', 'transactions.txn_date') }}
    left join merchants
        on transactions.merchant_id = merchants.merchant_id
        and {{ was_valid('merchants', 'transactions.txn_date') }}

)

select * from final
