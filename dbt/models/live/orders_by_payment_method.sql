select
    sums.payment_method_id as payment_method_id,
    methods.payment_method as payment_method,
    sums.currency as currency,
    {{ sales() }}
from {{ ref('sales_by_day_sums') }} as sums
left join {{ ref('payment_methods') }} as methods on sums.payment_method_id = methods.payment_method_id
group by payment_method_id, payment_method, currency
having orders != 0
