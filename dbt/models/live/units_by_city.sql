select
    sums.city_id as city_id,
    cities.city as city,
    cities.province as province,
    cities.country as country,
    sum(sums.units) as units
from {{ ref('sales_by_city_sums') }} as sums
left join {{ ref('cities') }} as cities on sums.city_id = cities.city_id
group by city_id, city, province, country
having units != 0
