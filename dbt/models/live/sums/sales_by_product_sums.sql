{{ config(materialized='materialized_view', engine='SummingMergeTree', order_by=['product_id', 'day', 'currency']) }}

select
    product_id,
    toDate(placed_at, 'UTC') as day,
    currency,
    sum(sign) as lines,
    sumIf(sign, is_counted) as counted_lines,
    sumIf(sign * quantity, is_counted) as units,
    sumIf(sign * gross_amount, is_counted) as gross_amount,
    sumIf(sign * discount_amount, is_counted) as discount_amount,
    sumIf(sign * tax_amount, is_counted) as tax_amount,
    sumIf(sign * total_amount, is_counted) as revenue
from {{ ref('fct_order_lines') }}
group by product_id, day, currency
