with

    -- Ids grow with time, and the facts are ordered by them: only their end is read.
    (select max(order_id) from facts.fct_orders) as newest

select
    toStartOfMinute(placed_at) as minute,
    order_id,
    status,
    total_amount,
    is_counted as counts_as_sale,
    placed_at
from facts.fct_orders
where
    order_id > newest - 500
    and currency = {currency:String}
    and placed_at > now('UTC') - interval 60 minute
group by all
having sum(sign) > 0
order by
    placed_at desc,
    order_id desc
limit 20
