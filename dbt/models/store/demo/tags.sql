select
    id as tag_id,
    name as tag
from {{ current('tags') }}
