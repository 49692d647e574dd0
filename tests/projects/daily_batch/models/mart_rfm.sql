{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='customer_id') }}

{% set as_of = "cast('" ~ var('process_date') ~ "' as date)" if var('process_date', none) else 'current_date' %}

select
    customer_id,
    {{ dbt.datediff('max(txn_date)', as_of, 'day') }} as recency,
    count(*) as frequency,
    sum(net_amount) as monetary
from {{ ref('stg_transactions_clean') }}
group by customer_id
