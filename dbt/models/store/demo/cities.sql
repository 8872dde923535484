with

cities as (

    select * from {{ current('cities') }}

),

provinces as (

    select * from {{ current('provinces') }}

),

countries as (

    select * from {{ current('countries') }}

),

final as (

    select
        ---------- ids
        cities.id as city_id,
        cities.province_id as province_id,
        provinces.country_code as country_code,

        ---------- text
        cities.name as city,
        provinces.name as province,
        countries.name as country,

        ---------- numbers
        cities.latitude as latitude,
        cities.longitude as longitude,
        cities.population as population

    from cities
    left join provinces on cities.province_id = provinces.id
    left join countries on provinces.country_code = countries.code

)

select * from final
