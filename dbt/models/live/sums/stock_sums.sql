{{ config(materialized='materialized_view', engine='SummingMergeTree', order_by=['variant_id']) }}

select
    variant_id,
    sum(sign) as warehouses,
    sum(sign * on_hand) as on_hand,
    sum(sign * low_stock_threshold) as low_stock_threshold
from {{ ref('fct_stock') }}
group by variant_id
