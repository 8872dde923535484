{{ config(materialized='materialized_view', engine='SummingMergeTree', order_by=['day', 'city_id']) }}

select
    toDate(registered_at, 'UTC') as day,
    city_id,
    sum(sign) as customers,
    sumIf(sign, accepts_marketing) as customers_accepting_marketing
from {{ ref('fct_registrations') }}
group by day, city_id
