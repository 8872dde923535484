select
    cities.province_id as province_id,
    cities.province as province,
    cities.country as country,
    sum(sums.customers) as customers,
    sum(sums.customers_accepting_marketing) as customers_accepting_marketing
from {{ ref('registrations_sums') }} as sums
left join {{ ref('cities') }} as cities on sums.city_id = cities.city_id
group by province_id, province, country
having customers != 0
