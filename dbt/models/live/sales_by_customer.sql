select
    sums.customer_id as customer_id,
    customers.customer as customer,
    sums.currency as currency,
    {{ sales() }}
from {{ ref('sales_by_customer_sums') }} as sums
left join {{ ref('customers') }} as customers on sums.customer_id = customers.customer_id
group by customer_id, customer, currency
having orders != 0
