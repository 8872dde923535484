select
    id as brand_id,
    name as brand
from {{ current('brands') }}
