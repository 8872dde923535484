select
    variant_id,
    warehouse_id,
    on_hand,
    low_stock_threshold,
    updated_at
from {{ current('stock_levels') }}
