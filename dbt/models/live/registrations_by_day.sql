select
    sums.day as day,
    sum(sums.customers) as customers
from {{ ref('registrations_sums') }} as sums
group by day
having customers != 0
