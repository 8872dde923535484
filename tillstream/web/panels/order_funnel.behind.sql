with

    -- Ids grow with time, and the facts are ordered by them: only their end is read.
    (select max(order_id) from facts.fct_orders) as newest

select
    order_id,
    status,
    payment_status,
    shipping_status,
    placed_at,
    dispatched_at,
    completed_at
from facts.fct_orders
where order_id > newest - 500
group by all
having sum(sign) > 0
order by
    placed_at desc,
    order_id desc
limit 20
