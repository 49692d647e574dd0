{{ config(dist='customer_id', sort='customer_id') }}

with days as (

    select * from {{ ref('int_customer_daily') }}
    where {{ counted_by(process_date()) }}

),

customers as (

    select
        customer_id,
        max(case when purchase_count > 0 then txn_date end) as last_purchase_date,
        cast(sum(purchase_count) as bigint) as frequency,
        sum(net_amount) as monetary
    from days
    group by customer_id

),

measured as (

    select
        customer_id,
        last_purchase_date,
        -- A purchase may be dated a day ahead of its delivery.
        greatest({{ dbt.datediff('last_purchase_date', process_date(), 'day') }}, 0) as recency_days,
        frequency,
        monetary
    from customers
    -- A customer with refunds only has bought nothing that could be scored.
    where frequency > 0

),

scored as (

    select
        customer_id,
        last_purchase_date,
        recency_days,
        frequency,
        monetary,
        -- 5 is best: most recent, most often, most money. The id decides ties, so that a rerun gives the same scores.
        ntile(5) over (order by recency_days desc, customer_id asc) as recency_score,
        ntile(5) over (order by frequency asc, customer_id asc) as frequency_score,
        ntile(5) over (order by monetary asc, customer_id asc) as monetary_score
    from measured

),

final as (

    select
        customer_id,
        last_purchase_date,
        recency_days,
        frequency,
        monetary,
        recency_score,
        frequency_score,
        monetary_score,
        100 * recency_score + 10 * frequency_score + monetary_score as rfm_code,
        case
            when recency_score >= 4 and frequency_score >= 4 and monetary_score >= 4 then 'champions'
            when recency_score >= 3 and frequency_score >= 3 then 'loyal'
            when recency_score >= 4 and frequency_score <= 2 then 'new'
            when recency_score >= 3 then 'promising'
            when frequency_score >= 4 and monetary_score >= 4 then 'cannot_lose'
            when frequency_score >= 3 then 'at_risk'
            when recency_score = 2 then 'hibernating'
            else 'lost'
        end as segment,
        {{ process_date() }} as process_date
    from scored

)

select * from final
