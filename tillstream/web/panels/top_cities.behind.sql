with

    -- Ids grow with time, and the facts are ordered by them: only their end is read.
    (select max(order_id) from facts.fct_orders) as newest

select
    orders.order_id as order_id,
    cities.city as city,
    orders.status as status,
    orders.total_amount as total_amount,
    orders.is_counted as counts_as_sale,
    orders.placed_at as placed_at
from facts.fct_orders as orders
left join store.cities as cities on orders.city_id = cities.city_id
where
    orders.order_id > newest - 500
    and orders.currency = {currency:String}
group by all
having sum(orders.sign) > 0
order by
    placed_at desc,
    order_id desc
limit 20
