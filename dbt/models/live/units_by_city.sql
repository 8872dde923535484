-- Names are joined to a row per city, not to one per city and day.
with

per_city as (

    select
        sums.city_id as city_id,
        sum(sums.units) as units
    from {{ ref('sales_by_city_sums') }} as sums
    group by city_id

),

final as (

    select
        per_city.city_id as city_id,
        cities.city as city,
        cities.province as province,
        cities.country as country,
        per_city.units as units
    from per_city
    left join {{ ref('cities') }} as cities on per_city.city_id = cities.city_id
    where units != 0

)

select * from final
