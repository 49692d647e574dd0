{{ config(dist='customer_id', sort='customer_id') }}

with days as (

    select
        *,
        txn_date > {{ dbt.dateadd('day', -30, process_date()) }} as is_recent
    from {{ ref('int_customer_daily') }}
    where {{ counted_by(process_date()) }}
        and txn_date > {{ dbt.dateadd('day', -90, process_date()) }}

),

-- The streak of a day is that of all its transactions that count by now: it stands in the last row of the day.
ranked as (

    select
        *,
        row_number() over (partition by customer_id, txn_date order by counted_from desc) as row_of_day,
        max(case when attempt_count > declined_count then txn_date end) over (partition by customer_id)
            as last_approved_date
    from days

),

behaviour as (

    select
        customer_id,
        sum(case when is_recent then net_amount else 0 end) as spend_30_days,
        sum(net_amount) as spend_90_days,
        cast(sum(attempt_count) as bigint) as attempts_90_days,
        cast(sum(declined_count) as bigint) as declined_90_days,
        -- Declined transactions since the last approved one: on later days all, on its day those after it.
        cast(
            sum(
                case
                    when last_approved_date is null or txn_date > last_approved_date then declined_count
                    when txn_date = last_approved_date and row_of_day = 1 then declined_streak
                    else 0
                end
            ) as bigint
        ) as declined_streak,
        max(case when declined_count > 0 then txn_date end) as last_declined_date
    from ranked
    group by customer_id

),

cards as (

    select
        customer_id,
        sum(case when card_status = 'active' then 1 else 0 end) as active_card_count,
        sum(case when card_status = 'blocked' then 1 else 0 end) as blocked_card_count
    from {{ ref('dim_cards') }}
    group by customer_id

),

customers as (

    select
        dim_customers.customer_id,
        dim_customers.signup_segment,
        coalesce(limits.credit_limit, {{ var('default_credit_limit') }}) as assumed_credit_limit
    from {{ ref('dim_customers') }} as dim_customers
    left join {{ ref('segment_credit_limits') }} as limits on dim_customers.signup_segment = limits.segment
    where {{ was_valid('dim_customers', process_date()) }}

),

measured as (

    select
        behaviour.*,
        customers.signup_segment,
        customers.assumed_credit_limit,
        coalesce(cards.active_card_count, 0) as active_card_count,
        coalesce(cards.blocked_card_count, 0) as blocked_card_count,
        -- Refunds can be more than purchases: nothing is used then.
        {{ ratio('case when behaviour.spend_30_days < 0 then 0 else behaviour.spend_30_days end', 'customers.assumed_credit_limit') }}
            as utilisation,
        {{ share('behaviour.declined_90_days', 'behaviour.attempts_90_days') }} as decline_rate
    from behaviour
    inner join customers on behaviour.customer_id = customers.customer_id
    left join cards on behaviour.customer_id = cards.customer_id

),

scored as (

    select
        *,
        case when utilisation >= 0.9 then 40 when utilisation >= 0.5 then 20 else 0 end
        + case when decline_rate >= 0.3 then 30 when decline_rate >= 0.1 then 15 else 0 end
        + case when declined_streak >= 3 then 20 when declined_streak >= 1 then 10 else 0 end
        + case when blocked_card_count > 0 then 10 else 0 end as risk_score
    from measured

),

final as (

    select
        customer_id,
        signup_segment,
        assumed_credit_limit,
        spend_30_days,
        spend_90_days,
        utilisation,
        attempts_90_days,
        declined_90_days,
        decline_rate,
        declined_streak,
        last_declined_date,
        active_card_count,
        blocked_card_count,
        risk_score,
        case when risk_score >= 60 then 'high' when risk_score >= 30 then 'medium' else 'low' end as risk_band,
        {{ process_date() }} as process_date
    from scored

)

select * from final
