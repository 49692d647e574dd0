-- The incremental model has lost no transaction, kept none that is gone, and holds the latest amounts.
with source as (

    select
        count(*) as txn_count,
        coalesce(sum(amount), 0) as amount
    from {{ ref('stg_transactions') }}

),

facts as (

    select
        count(*) as txn_count,
        coalesce(sum(amount), 0) as amount
    from {{ ref('fact_transactions') }}

)

select
    source.txn_count as source_count,
    facts.txn_count as fact_count,
    source.amount as source_amount,
    facts.amount as fact_amount
from source
cross join facts
where source.txn_count <> facts.txn_count
    or source.amount <> facts.amount
