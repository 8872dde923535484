select
    customer_id,
    registered_at
from facts.fct_registrations
where registered_at >= toStartOfDay(now('UTC'), {zone:String})
group by all
having sum(sign) > 0
order by
    registered_at desc,
    customer_id desc
limit 20
