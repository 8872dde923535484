{{ config(materialized='materialized_view', engine='SummingMergeTree', order_by=['day', 'status', 'payment_status', 'shipping_status', 'payment_method_id', 'shipping_method_id', 'currency']) }}

select
    toDate(placed_at, 'UTC') as day,
    status,
    payment_status,
    shipping_status,
    payment_method_id,
    shipping_method_id,
    currency,
    sum(sign) as orders,
    sumIf(sign, is_counted) as counted_orders,
    sumIf(sign * units, is_counted) as units,
    sumIf(sign * total_amount, is_counted) as revenue,
    sumIf(sign * refunded_amount, is_counted) as refunds,
    sumIf(sign * items_amount, is_counted) as items_amount,
    sumIf(sign * discount_amount, is_counted) as discount_amount,
    sumIf(sign * tax_amount, is_counted) as tax_amount,
    sumIf(sign * shipping_amount, is_counted) as shipping_amount
from {{ ref('fct_orders') }}
group by day, status, payment_status, shipping_status, payment_method_id, shipping_method_id, currency
