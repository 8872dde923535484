select
    sums.minute as minute,
    sums.currency as currency,
    {{ sales() }}
from {{ ref('sales_by_minute_sums') }} as sums
group by minute, currency
having orders != 0
