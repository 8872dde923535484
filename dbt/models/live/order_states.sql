select
    sums.status as status,
    sum(sums.orders) as orders
from {{ ref('sales_by_day_sums') }} as sums
group by status
having orders != 0
