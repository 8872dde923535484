select
    id as product_id,
    category_id,
    brand_id,
    vendor_id,
    name as product,
    description,
    status,
    image_path,
    tax_rate,
    created_at,
    updated_at
from {{ current('products') }}
