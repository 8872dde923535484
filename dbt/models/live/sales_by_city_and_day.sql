select
    sums.day as day,
    sums.city_id as city_id,
    cities.city as city,
    cities.province as province,
    cities.country as country,
    cities.latitude as latitude,
    cities.longitude as longitude,
    sums.currency as currency,
    {{ sales() }}
from {{ ref('sales_by_city_sums') }} as sums
left join {{ ref('cities') }} as cities on sums.city_id = cities.city_id
group by day, city_id, city, province, country, latitude, longitude, currency
having orders != 0
