select
    id as variant_id,
    product_id,
    sku,
    title as variant,
    price,
    cost,
    created_at,
    updated_at
from {{ current('variants') }}
