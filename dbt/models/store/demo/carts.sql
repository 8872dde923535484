select
    id as cart_id,
    customer_id,
    order_id,
    state,
    created_at,
    updated_at
from {{ current('carts') }}
