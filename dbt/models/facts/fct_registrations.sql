{{ config(primary_key='customer_id', order_by=['customer_id'], meta={'root': 'customer'}) }}

with

customers as (
    select * from {{ ref('customers') }}
    where {{ only_touched('customer_id') }}
),

-- A customer lives where the default address is; of several, the newest.
addresses as (
    select customer_id, argMax(city_id, (is_default, address_id)) as city_id
    from {{ ref('addresses') }}
    where {{ only_touched('address_id', link='addresses.customer_id') }}
    group by customer_id
)

select
    {{ identity('customers.customer_id') }} as customer_id,
    {{ identity('addresses.city_id') }} as city_id,
    ifNull(customers.accepts_marketing, false) as accepts_marketing,
    {{ moment('customers.registered_at') }} as registered_at
from customers
left join addresses on customers.customer_id = addresses.customer_id
