select
    id as discount_id,
    campaign_id,
    kind,
    code,
    value,
    started_at,
    expired_at
from {{ current('discounts') }}
