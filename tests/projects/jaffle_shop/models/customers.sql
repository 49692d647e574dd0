with customers as (

    select * from {{ ref('stg_customers') }}

),

customer_orders as (

    select
        customer_id,
        min(order_date) as first_order,
        max(order_date) as most_recent_order,
        count(order_id) as number_of_orders,
        sum(amount) as total_amount
    from {{ ref('orders') }}
    group by customer_id

),

final as (

    select
        customers.customer_id,
        customers.first_name,
        customers.last_name,
        customer_orders.first_order,
        customer_orders.most_recent_order,
        coalesce(customer_orders.number_of_orders, 0) as number_of_orders,
        customer_orders.total_amount as customer_lifetime_value,
        {{ dbt.datediff('customer_orders.first_order', 'customer_orders.most_recent_order', 'day') }} as days_as_customer
    from customers
    left join customer_orders on customers.customer_id = customer_orders.customer_id

)

select * from final
