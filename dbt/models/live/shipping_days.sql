select
    sums.days_to_complete as days_to_complete,
    sum(sums.orders) as orders
from {{ ref('shipping_lag_sums') }} as sums
group by days_to_complete
having orders != 0
