select
    cities.country_code as country_code,
    cities.country as country,
    sums.currency as currency,
    {{ sales() }}
from {{ ref('sales_by_city_sums') }} as sums
left join {{ ref('cities') }} as cities on sums.city_id = cities.city_id
group by country_code, country, currency
having orders != 0
