{{ config(primary_key='variant_id', order_by=['variant_id', 'warehouse_id'], meta={'root': 'stock'}) }}

select
    {{ identity('variant_id') }} as variant_id,
    {{ identity('warehouse_id') }} as warehouse_id,
    {{ identity('on_hand') }} as on_hand,
    {{ identity('low_stock_threshold') }} as low_stock_threshold
from {{ ref('stock_levels') }}
where {{ only_touched('variant_id') }}
