{{ config(primary_key='cart_id', order_by=['cart_id'], meta={'root': 'cart'}) }}

with

carts as (
    select * from {{ ref('carts') }}
    where {{ only_touched('cart_id') }}
),

lines as (
    select cart_id, count() as line_count, sum(quantity) as units
    from {{ ref('cart_lines') }}
    where {{ only_touched('cart_id') }}
    group by cart_id
)

select
    carts.cart_id as cart_id,
    {{ identity('carts.customer_id') }} as customer_id,
    {{ identity('carts.order_id') }} as order_id,
    {{ word('carts.state') }} as state,
    {{ identity('lines.line_count') }} as line_count,
    {{ identity('lines.units') }} as units,
    {{ moment('carts.created_at') }} as created_at
from carts
left join lines on carts.cart_id = lines.cart_id
