{% set payment_methods = ['credit_card', 'coupon', 'bank_transfer', 'gift_card'] %}

select
    orders.order_id,
    orders.customer_id,
    orders.order_date,
    orders.status,
    {%- for payment_method in payment_methods %}
    order_payments.{{ payment_method }}_amount,
    {%- endfor %}
    order_payments.total_amount as amount,
    cast({{ dbt.dateadd('day', 14, 'orders.order_date') }} as date) as return_until
from {{ ref('stg_orders') }} as orders
left join {{ ref('order_payments') }} as order_payments using (order_id)
