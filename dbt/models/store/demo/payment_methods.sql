select
    id as payment_method_id,
    name as payment_method
from {{ current('payment_methods') }}
