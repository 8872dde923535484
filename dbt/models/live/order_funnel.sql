-- Every order has one status, so each step counts the orders that got at least that far. Money is given back for
-- what was delivered.
select
    sums.currency as currency,
    sum(sums.orders) as placed,
    sum(sums.counted_orders) as paid,
    sumIf(sums.orders, sums.status in ('shipped', 'delivered', 'returned', 'refunded')) as shipped,
    sumIf(sums.orders, sums.status in ('delivered', 'returned', 'refunded')) as delivered,
    sumIf(sums.orders, sums.status = 'returned') as returned,
    sumIf(sums.orders, sums.status = 'refunded') as refunded,
    sumIf(sums.orders, sums.status = 'cancelled') as cancelled,
    sumIf(sums.orders, sums.status = 'payment_failed') as payment_failed
from {{ ref('sales_by_day_sums') }} as sums
group by currency
having placed != 0
