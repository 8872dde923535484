{{ config(primary_key='order_id', order_by=['order_id', 'order_line_id'], meta={'root': 'order'}) }}

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
    select * from {{ ref('order_lines') }}
    where {{ only_touched('order_line_id', link='order_lines.order_id') }}
)

select
    {{ identity('lines.order_line_id') }} as order_line_id,
    {{ identity('orders.order_id') }} as order_id,
    {{ identity('lines.product_id') }} as product_id,
    {{ identity('lines.variant_id') }} as variant_id,
    {{ identity('orders.customer_id') }} as customer_id,
    {{ identity('addresses.city_id') }} as city_id,
    {{ identity('orders.payment_method_id') }} as payment_method_id,
    {{ identity('orders.shipping_method_id') }} as shipping_method_id,
    {{ word('orders.status') }} as status,
    {{ word('orders.currency') }} as currency,
    {{ identity('lines.quantity') }} as quantity,
    {{ money('lines.unit_price') }} as unit_price,
    {{ money('lines.gross_amount') }} as gross_amount,
    {{ money('lines.discount_amount') }} as discount_amount,
    {{ money('lines.tax_amount') }} as tax_amount,
    {{ money('lines.total_amount') }} as total_amount,
    {{ counted('orders.status') }} as is_counted,
    {{ moment('orders.placed_at') }} as placed_at
from lines
inner join orders on lines.order_id = orders.order_id
left join addresses on orders.address_id = addresses.address_id
