select
    sums.day as day,
    sums.shipping_method_id as shipping_method_id,
    methods.shipping_method as shipping_method,
    sum(sums.orders) as orders,
    sumIf(sums.orders, sums.days_to_dispatch != 'not yet') as dispatched,
    sumIf(sums.orders, sums.days_to_complete != 'not yet') as completed,
    {{ ratio('sum(sums.seconds_to_dispatch) / 3600', 'dispatched') }} as hours_to_dispatch,
    {{ ratio('sum(sums.seconds_to_complete) / 3600', 'completed') }} as hours_to_complete
from {{ ref('shipping_lag_sums') }} as sums
left join {{ ref('shipping_methods') }} as methods on sums.shipping_method_id = methods.shipping_method_id
group by day, shipping_method_id, shipping_method
having orders != 0
