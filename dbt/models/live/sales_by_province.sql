select
    cities.province_id as province_id,
    cities.province as province,
    cities.country as country,
    sums.currency as currency,
    {{ sales() }}
from {{ ref('sales_by_city_sums') }} as sums
left join {{ ref('cities') }} as cities on sums.city_id = cities.city_id
group by province_id, province, country, currency
having orders != 0
