select
    toStartOfMonth(sums.day) as month,
    sums.status as status,
    sums.currency as currency,
    {{ sales() }}
from {{ ref('sales_by_day_sums') }} as sums
group by month, status, currency
having orders != 0
