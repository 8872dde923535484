select
    sums.day as day,
    sums.state as state,
    sum(sums.carts) as carts,
    sum(sums.lines) as lines,
    sum(sums.units) as units
from {{ ref('carts_by_day_sums') }} as sums
group by day, state
having carts != 0
