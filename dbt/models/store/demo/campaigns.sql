select
    id as campaign_id,
    title as campaign,
    started_at,
    expired_at
from {{ current('campaigns') }}
