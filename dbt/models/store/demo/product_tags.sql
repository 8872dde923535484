select
    product_id,
    tag_id
from {{ current('product_tags') }}
