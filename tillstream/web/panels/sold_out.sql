select
    variant_id,
    sku,
    product,
    variant,
    state,
    on_hand,
    countIf(state in ('sold out', 'oversold')) over () as sold_out,
    countIf(state = 'low') over () as low
from live.stock
order by
    on_hand,
    variant_id
limit 8
