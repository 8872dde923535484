with

    -- Ids grow with time, and the facts are ordered by them: only their end is read.
    (select max(order_id) from facts.fct_orders) as newest,

    orders as (

        select
            order_id,
            city_id,
            status,
            currency,
            units,
            total_amount,
            placed_at
        from facts.fct_orders
        where order_id > newest - 500
        group by all
        having sum(sign) > 0

    ),

    final as (

        select
            orders.order_id as order_id,
            orders.city_id as city_id,
            cities.city as city,
            orders.status as status,
            orders.currency as currency,
            orders.units as units,
            orders.total_amount as total_amount,
            orders.placed_at as placed_at
        from orders
        left join store.cities as cities on orders.city_id = cities.city_id
        order by
            placed_at desc,
            order_id desc
        limit 10

    )

select * from final
