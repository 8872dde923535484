select
    id as payment_id,
    order_id,
    payment_method_id,
    status,
    amount,
    status in ('completed', 'refunded') as is_paid,
    created_at,
    updated_at
from {{ current('payments') }}
