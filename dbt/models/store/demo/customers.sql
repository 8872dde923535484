select
    id as customer_id,
    full_name as customer,
    email,
    phone,
    accepts_marketing,
    birth_date,
    created_at as registered_at,
    updated_at
from {{ current('customers') }}
