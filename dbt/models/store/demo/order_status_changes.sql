select
    id as order_status_change_id,
    order_id,
    staff_id,
    from_status,
    to_status,
    comment,
    changed_at
from {{ current('order_status_history') }}
