{{ config(dist='even', sort=['cohort_month', 'months_since_first']) }}

with purchases as (

    select
        customer_id,
        cast(date_trunc('month', txn_date) as date) as purchase_month,
        net_amount
    from {{ ref('fact_transactions') }}
    where is_approved
        and not is_refund
        and {{ happened_by(process_date()) }}

),

cohorts as (

    select
        customer_id,
        min(purchase_month) as cohort_month
    from purchases
    group by customer_id

),

cohort_sizes as (

    select
        cohort_month,
        count(*) as cohort_size
    from cohorts
    group by cohort_month

),

activity as (

    select
        cohorts.cohort_month,
        {{ dbt.datediff('cohorts.cohort_month', 'purchases.purchase_month', 'month') }} as months_since_first,
        count(distinct purchases.customer_id) as active_customers,
        sum(purchases.net_amount) as sales
    from purchases
    inner join cohorts on purchases.customer_id = cohorts.customer_id
    group by cohorts.cohort_month, {{ dbt.datediff('cohorts.cohort_month', 'purchases.purchase_month', 'month') }}

),

final as (

    select
        activity.cohort_month,
        activity.months_since_first,
        cohort_sizes.cohort_size,
        activity.active_customers,
        cast(
            cast(activity.active_customers as decimal(18, 6)) / cohort_sizes.cohort_size as decimal(9, 6)
        ) as retention_rate,
        activity.sales
    from activity
    inner join cohort_sizes on activity.cohort_month = cohort_sizes.cohort_month

)

select * from final
