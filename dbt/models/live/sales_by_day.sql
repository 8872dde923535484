select
    sums.day as day,
    sums.currency as currency,
    {{ sales() }},
    sum(sums.items_amount) as items_amount,
    sum(sums.discount_amount) as discount_amount,
    sum(sums.tax_amount) as tax_amount,
    sum(sums.shipping_amount) as shipping_amount
from {{ ref('sales_by_day_sums') }} as sums
group by day, currency
having orders != 0
