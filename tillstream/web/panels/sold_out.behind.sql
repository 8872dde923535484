select
    variant_id,
    warehouse_id,
    on_hand,
    low_stock_threshold
from facts.fct_stock
where variant_id in (
    select variant_id
    from live.stock_sums
    group by variant_id
    having sum(warehouses) != 0
    order by
        sum(on_hand),
        variant_id
    limit 8
)
group by all
having sum(sign) > 0
order by
    variant_id,
    warehouse_id
limit 40
