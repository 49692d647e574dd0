select sum(customer_lifetime_value) as spent
from {{ ref('customers') }}
having sum(customer_lifetime_value) <> (select sum(amount) from {{ ref('orders') }})
