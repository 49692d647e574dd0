{{ config(materialized='table') }}

{% set process_date = var('process_date', none) %}

select
    transaction_id,
    customer_id,
    txn_date,
    merchant_category,
    channel,
    {% if target.type == 'redshift' -%}
    cast(case when is_refund then -1 * amount else amount end as numeric(18, 2)) as net_amount
    {%- else -%}
    (case when is_refund then -amount else amount end)::decimal(18, 2) as net_amount
    {%- endif %}
from {{ source('raw', 'transactions') }}
where status = 'approved'
{% if process_date is not none %}
    and ingest_date = cast('{{ process_date }}' as date)
{% endif %}
