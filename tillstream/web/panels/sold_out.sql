select
    variant_id,
    sku,
    product,
    variant,
    state,
    on_hand,
    count() over () as variants
from live.sold_out
order by
    on_hand,
    variant_id
limit 5
