{{ config(materialized='materialized_view', engine='SummingMergeTree', order_by=['day', 'shipping_method_id', 'days_to_dispatch', 'days_to_complete']) }}

-- The lags are whole days, kept as text so that an order without one has its own row.
select
    toDate(placed_at, 'UTC') as day,
    shipping_method_id,
    ifNull(toString(dateDiff('day', placed_at, dispatched_at)), 'not yet') as days_to_dispatch,
    ifNull(toString(dateDiff('day', placed_at, completed_at)), 'not yet') as days_to_complete,
    sum(sign) as orders,
    sum(sign * ifNull(dateDiff('second', placed_at, dispatched_at), 0)) as seconds_to_dispatch,
    sum(sign * ifNull(dateDiff('second', placed_at, completed_at), 0)) as seconds_to_complete
from {{ ref('fct_orders') }}
where is_counted
group by day, shipping_method_id, days_to_dispatch, days_to_complete
