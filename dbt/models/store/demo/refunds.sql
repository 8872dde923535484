select
    id as refund_id,
    order_id,
    payment_id,
    reason,
    amount,
    completed as is_completed,
    created_at
from {{ current('refunds') }}
