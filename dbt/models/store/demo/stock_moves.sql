select
    id as stock_move_id,
    variant_id,
    warehouse_id,
    order_id,
    reason,
    quantity,
    moved_at
from {{ current('stock_moves') }}
