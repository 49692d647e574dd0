{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='transaction_id',
    dist='transaction_id',
    sort=['txn_date', 'txn_ts']
) }}

with transactions as (

    select * from {{ ref('stg_transactions') }}
    {% if is_incremental() %}
    -- Everything that the loader took over since the last build, whatever day it belongs to: late rows reach theirs.
    where load_version > (select coalesce(max(load_version), -1) from {{ this }})
    {% endif %}

),

final as (

    select
        -- ids
        transaction_id,
        customer_id,
        card_id,
        merchant_id,

        -- text
        currency,
        mcc,
        merchant_category,
        status,
        channel,

        -- numerics
        amount,
        cast({{ net_amount() }} as decimal(18, 2)) as net_amount,
        days_late,

        -- booleans
        status = 'approved' as is_approved,
        is_refund,
        days_late > 0 as is_late,

        -- dates and timestamps
        txn_ts,
        txn_date,
        ingest_date,

        -- lineage
        load_version

    from transactions

)

select * from final
