{{ config(dist='card_id', sort='card_id') }}

{% set burst_count = var('burst_count') %}

with transactions as (

    select * from {{ ref('fact_transactions') }}
    where {{ happened_by(process_date()) }}
        and txn_date > {{ dbt.dateadd('day', -1 * var('fraud_days'), process_date()) }}

),

marked as (

    select
        *,
        -- The earliest of the last few online transactions of the card, this one included. Those of the same time need no order:
        -- whichever comes first, as many of them end a burst. Stolen numbers are tried online; at a till, a few purchases within
        -- minutes are a walk through a mall.
        case
            when channel = 'online'
                then lag(txn_ts, {{ burst_count - 1 }}) over (partition by card_id, channel order by txn_ts asc)
        end as burst_from,
        extract(hour from txn_ts) < 6 as is_at_night,
        is_approved and not is_refund as is_purchase
    from transactions

),

cards as (

    select
        card_id,
        min(customer_id) as customer_id,
        count(*) as attempt_count,
        sum(case when is_approved then 0 else 1 end) as declined_count,
        sum(case when is_at_night then 1 else 0 end) as night_count,
        sum(
            case
                when {{ dbt.datediff('burst_from', 'txn_ts', 'second') }} <= 60 * {{ var('burst_minutes') }} then 1
                else 0
            end
        ) as burst_txn_count,
        count(distinct merchant_id) as merchant_count,
        sum(case when is_purchase then 1 else 0 end) as purchase_count,
        coalesce(sum(case when is_purchase then amount end), 0) as purchase_amount,
        coalesce(max(case when is_purchase then amount end), 0) as largest_purchase,
        max(txn_date) as last_txn_date
    from marked
    group by card_id

),

-- More than so many times the average, without a division: whole and decimal numbers compare exactly.
outliers as (

    select
        marked.card_id,
        count(*) as outlier_count
    from marked
    inner join cards on marked.card_id = cards.card_id
    where marked.is_purchase
        and cards.purchase_count >= {{ var('outlier_purchases') }}
        and marked.amount * cards.purchase_count > {{ var('outlier_factor') }} * cards.purchase_amount
    group by marked.card_id

),

measured as (

    select
        cards.*,
        coalesce(outliers.outlier_count, 0) as outlier_count,
        {{ share('cards.declined_count', 'cards.attempt_count') }} as decline_rate,
        {{ share('cards.night_count', 'cards.attempt_count') }} as night_share
    from cards
    left join outliers on cards.card_id = outliers.card_id

),

signals as (

    select
        *,
        burst_txn_count > 0 as has_burst,
        outlier_count > 0 as has_outlier,
        attempt_count >= {{ var('share_attempts') }} and night_share >= {{ var('night_share') }} as is_mostly_at_night,
        attempt_count >= {{ var('share_attempts') }} and decline_rate >= {{ var('decline_share') }} as is_often_declined
    from measured

),

final as (

    select
        card_id,
        customer_id,
        attempt_count,
        declined_count,
        decline_rate,
        burst_txn_count,
        purchase_count,
        purchase_amount,
        largest_purchase,
        outlier_count,
        night_count,
        night_share,
        merchant_count,
        last_txn_date,
        has_burst,
        has_outlier,
        is_mostly_at_night,
        is_often_declined,
        case when has_burst then 1 else 0 end
        + case when has_outlier then 1 else 0 end
        + case when is_mostly_at_night then 1 else 0 end
        + case when is_often_declined then 1 else 0 end as signal_count,
        {{ process_date() }} as process_date
    from signals

)

select * from final
