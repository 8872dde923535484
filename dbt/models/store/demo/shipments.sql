select
    id as shipment_id,
    order_id,
    warehouse_id,
    shipping_method_id,
    status,
    tracking_number,
    cost,
    created_at,
    dispatched_at,
    completed_at
from {{ current('shipments') }}
