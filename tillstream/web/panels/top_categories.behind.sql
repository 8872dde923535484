with

    -- Ids grow with time, and the facts are ordered by them: only their end is read.
    (select max(order_id) from facts.fct_order_lines) as newest

select
    lines.order_id as order_id,
    categories.category as category,
    products.product as product,
    lines.quantity as quantity,
    lines.total_amount as total_amount,
    lines.is_counted as counts_as_sale,
    lines.placed_at as placed_at
from facts.fct_order_lines as lines
left join store.products as products on lines.product_id = products.product_id
left join store.categories as categories on products.category_id = categories.category_id
where
    lines.order_id > newest - 200
    and lines.currency = {currency:String}
group by all
having sum(lines.sign) > 0
order by
    placed_at desc,
    order_id desc
limit 20
