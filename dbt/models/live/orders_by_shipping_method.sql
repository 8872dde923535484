select
    sums.shipping_method_id as shipping_method_id,
    methods.shipping_method as shipping_method,
    sums.currency as currency,
    {{ sales() }}
from {{ ref('sales_by_day_sums') }} as sums
left join {{ ref('shipping_methods') }} as methods on sums.shipping_method_id = methods.shipping_method_id
group by shipping_method_id, shipping_method, currency
having orders != 0
