{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    pre_hook=[
        "{% if is_incremental() %}{{ delete_changed_transactions(this, ref('stg_transactions')) }}{% endif %}",
        "{% if is_incremental() %}{{ delete_outdated_versions(this, ref('dim_customers'), ref('dim_merchants')) }}{% endif %}"
    ],
    dist='transaction_id',
    sort=['txn_date', 'txn_ts']
) }}

with customers as (

    select * from {{ ref('dim_customers') }}

),

merchants as (

    select * from {{ ref('dim_merchants') }}

),

transactions as (

    select source.*
    from {{ ref('stg_transactions') }} as source
    {% if is_incremental() %}
    -- Everything that is not in the facts, whatever day it belongs to: late rows reach theirs.
    where source.txn_date in ({{ missing_days(this, ref('stg_transactions')) }})
        and not exists (
            select 1
            from {{ this }} as facts
            where facts.transaction_id = source.transaction_id
                and facts.txn_date = source.txn_date
                and facts.txn_date in ({{ missing_days(this, ref('stg_transactions')) }})
        )
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
