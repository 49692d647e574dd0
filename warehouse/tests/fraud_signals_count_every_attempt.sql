-- Every transaction of the window belongs to one card: counts over the cards and over the facts agree.
with cards as (

    select coalesce(sum(attempt_count), 0) as attempts
    from {{ ref('mart_fraud_signals') }}

),

facts as (

    select count(*) as attempts
    from {{ ref('fact_transactions') }}
    where {{ happened_by(process_date()) }}
        and txn_date > {{ dbt.dateadd('day', -1 * var('fraud_days'), process_date()) }}

)

select
    cards.attempts as card_attempts,
    facts.attempts as fact_attempts
from cards
cross join facts
where cards.attempts <> facts.attempts
