select
    id as shipping_method_id,
    name as shipping_method,
    price
from {{ current('shipping_methods') }}
