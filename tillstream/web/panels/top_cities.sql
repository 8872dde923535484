select
    city_id,
    any(city) as city,
    any(country) as country,
    toFloat64(any(latitude)) as latitude,
    toFloat64(any(longitude)) as longitude,
    sum(revenue) as revenue,
    sum(orders) as orders
from live.sales_by_city_and_day
where
    currency = {currency:String}
    and day > toDate(now({zone:String})) - 7
group by city_id
having revenue > 0
order by
    revenue desc,
    city_id
limit 400
