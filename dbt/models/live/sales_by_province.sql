-- Names are joined to a row per city, not to one per city and day.
with

per_city as (

    select
        sums.city_id as city_id,
        sums.currency as currency,
        {{ sales() }}
    from {{ ref('sales_by_city_sums') }} as sums
    group by city_id, currency

),

final as (

    select
        cities.province_id as province_id,
        cities.province as province,
        cities.country as country,
        per_city.currency as currency,
        {{ sales('per_city') }}
    from per_city
    left join {{ ref('cities') }} as cities on per_city.city_id = cities.city_id
    group by province_id, province, country, currency
    having orders != 0

)

select * from final
