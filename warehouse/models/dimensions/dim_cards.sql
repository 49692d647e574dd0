{{ config(dist='card_id', sort='card_id') }}

with cards as (

    select * from {{ ref('stg_cards') }}

),

-- Cards of which only transactions are known yet: facts always find their card.
seen as (

    select
        card_id,
        min(customer_id) as customer_id
    from {{ ref('stg_transactions') }}
    group by card_id

),

final as (

    select
        coalesce(cards.card_id, seen.card_id) as card_id,
        coalesce(cards.customer_id, seen.customer_id) as customer_id,
        cards.card_number_token,
        cards.card_last_four,
        cards.brand,
        cards.status as card_status,
        cards.issued_on,
        cards.card_id is null as is_inferred
    from cards
    full outer join seen on cards.card_id = seen.card_id

)

select * from final
