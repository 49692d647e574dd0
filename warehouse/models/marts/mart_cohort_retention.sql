{{ config(dist='even', sort=['cohort_month', 'months_since_first']) }}

with purchases as (

    select
        customer_id,
        cast(date_trunc('month', txn_date) as date) as purchase_month,
        sum(purchase_amount) as amount
    from {{ ref('int_customer_daily') }}
    where purchase_count > 0
        and {{ counted_by(process_date()) }}
    group by customer_id, cast(date_trunc('month', txn_date) as date)

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
        sum(purchases.amount) as sales
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
