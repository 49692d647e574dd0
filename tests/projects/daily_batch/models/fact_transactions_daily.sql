{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['day', 'merchant_category', 'channel'],
        dist='day' if target.type == 'redshift' else none,
        sort=['day'],
        post_hook="{% if target.type in ('redshift', 'postgres') %}analyze {{ this }}{% endif %}"
    )
}}

-- depends_on: {{ ref('stg_transactions_clean') }}
-- Days that today's delivery touches, counted anew over everything that was ever delivered.
select
    txn_date as day,
    merchant_category,
    channel,
    count(*) as txn_count,
    cast(sum(case when is_refund then -amount else amount end) as decimal(18, 2)) as gross_sales
from {{ source('raw', 'transactions') }}
where status = 'approved'
{% if is_incremental() %}
    and txn_date in (select txn_date from {{ ref('stg_transactions_clean') }})
{% endif %}
group by txn_date, merchant_category, channel
