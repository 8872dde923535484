select
    id as vendor_id,
    country_code,
    name as vendor,
    email
from {{ current('vendors') }}
