select
    toStartOfMonth(sums.day) as month,
    sum(sums.customers) as customers
from {{ ref('registrations_sums') }} as sums
group by month
having customers != 0
