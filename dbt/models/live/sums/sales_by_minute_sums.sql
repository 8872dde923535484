{{ config(materialized='materialized_view', engine='SummingMergeTree', order_by=['minute', 'currency']) }}

select
    toStartOfMinute(placed_at, 'UTC') as minute,
    currency,
    sum(sign) as orders,
    sumIf(sign, is_counted) as counted_orders,
    sumIf(sign * units, is_counted) as units,
    sumIf(sign * total_amount, is_counted) as revenue,
    sumIf(sign * refunded_amount, is_counted) as refunds
from {{ ref('fct_orders') }}
group by minute, currency
