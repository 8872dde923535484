select
    id as address_id,
    customer_id,
    city_id,
    title,
    street,
    postal_code,
    is_default,
    created_at,
    updated_at
from {{ current('addresses') }}
