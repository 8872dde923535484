{{ config(materialized='materialized_view', engine='SummingMergeTree', order_by=['day', 'state']) }}

select
    toDate(created_at, 'UTC') as day,
    state,
    sum(sign) as carts,
    sum(sign * line_count) as lines,
    sum(sign * units) as units
from {{ ref('fct_carts') }}
group by day, state
