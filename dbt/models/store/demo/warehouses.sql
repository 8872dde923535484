select
    id as warehouse_id,
    city_id,
    name as warehouse
from {{ current('warehouses') }}
