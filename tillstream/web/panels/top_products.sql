select
    product_id,
    any(product) as product,
    sum(revenue) as revenue,
    sum(units) as units
from live.sales_by_product_and_day
where
    currency = {currency:String}
    and day > toDate(now({zone:String})) - 7
group by product_id
having revenue > 0
order by
    revenue desc,
    product_id
limit 8
