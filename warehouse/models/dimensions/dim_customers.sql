{{ config(dist='customer_id', sort='customer_id') }}

with customers as (

    select * from {{ ref('stg_customers') }}

),

-- Customers of whom only transactions are known yet: facts always find their customer.
seen as (

    select distinct customer_id from {{ ref('stg_transactions') }}

),

final as (

    select
        coalesce(customers.customer_id, seen.customer_id) as customer_id,
        customers.name_token,
        customers.email_token,
        customers.city,
        customers.segment as signup_segment,
        customers.signed_up_at,
        customers.customer_id is null as is_inferred
    from customers
    full outer join seen on customers.customer_id = seen.customer_id

)

select * from final
