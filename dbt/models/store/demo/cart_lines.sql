select
    cart_id,
    variant_id,
    quantity,
    added_at
from {{ current('cart_lines') }}
