{{ config(materialized='materialized_view', engine='SummingMergeTree', order_by=['day', 'city_id', 'currency']) }}

select
    toDate(placed_at, 'UTC') as day,
    city_id,
    currency,
    sum(sign) as orders,
    sumIf(sign, is_counted) as counted_orders,
    sumIf(sign * units, is_counted) as units,
    sumIf(sign * total_amount, is_counted) as revenue,
    sumIf(sign * refunded_amount, is_counted) as refunds
from {{ ref('fct_orders') }}
group by day, city_id, currency
