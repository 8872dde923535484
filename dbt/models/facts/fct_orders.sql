{{ config(primary_key='order_id', order_by=['order_id'], meta={'root': 'order'}) }}

with

orders as (
    select * from {{ ref('orders') }}
    where {{ only_touched('order_id') }}
),

addresses as (
    select address_id, city_id from {{ ref('addresses') }}
    where {{ only_touched('address_id', link='orders.shipping_address_id^') }}
),

lines as (
    select order_id, count() as line_count, sum(quantity) as units
    from {{ ref('order_lines') }}
    where {{ only_touched('order_line_id', link='order_lines.order_id') }}
    group by order_id
),

payments as (
    select order_id, sumIf(amount, is_paid) as paid_amount
    from {{ ref('payments') }}
    where {{ only_touched('payment_id', link='payments.order_id') }}
    group by order_id
),

refunds as (
    select order_id, sumIf(amount, is_completed) as refunded_amount
    from {{ ref('refunds') }}
    where {{ only_touched('refund_id', link='refunds.order_id') }}
    group by order_id
),

shipments as (
    select order_id, min(dispatched_at) as dispatched_at, max(completed_at) as completed_at
    from {{ ref('shipments') }}
    where {{ only_touched('shipment_id', link='shipments.order_id') }}
    group by order_id
)

select
    {{ identity('orders.order_id') }} as order_id,
    {{ identity('orders.customer_id') }} as customer_id,
    {{ identity('addresses.city_id') }} as city_id,
    {{ identity('orders.payment_method_id') }} as payment_method_id,
    {{ identity('orders.shipping_method_id') }} as shipping_method_id,
    {{ word('orders.status') }} as status,
    {{ word('orders.payment_status') }} as payment_status,
    {{ word('orders.shipping_status') }} as shipping_status,
    {{ word('orders.currency') }} as currency,
    {{ identity('lines.line_count') }} as line_count,
    {{ identity('lines.units') }} as units,
    {{ money('orders.items_amount') }} as items_amount,
    {{ money('orders.discount_amount') }} as discount_amount,
    {{ money('orders.tax_amount') }} as tax_amount,
    {{ money('orders.shipping_amount') }} as shipping_amount,
    {{ money('orders.total_amount') }} as total_amount,
    {{ money('payments.paid_amount') }} as paid_amount,
    {{ money('refunds.refunded_amount') }} as refunded_amount,
    {{ counted('orders.status') }} as is_counted,
    {{ moment('orders.placed_at') }} as placed_at,
    shipments.dispatched_at as dispatched_at,
    shipments.completed_at as completed_at
from orders
left join addresses on orders.address_id = addresses.address_id
left join lines on orders.order_id = lines.order_id
left join payments on orders.order_id = payments.order_id
left join refunds on orders.order_id = refunds.order_id
left join shipments on orders.order_id = shipments.order_id
