select
    category_id,
    any(category) as category,
    sum(revenue) as revenue,
    sum(units) as units
from live.sales_by_category
where currency = {currency:String}
group by category_id
having revenue > 0
order by
    revenue desc,
    category_id
limit 8
