select
    minute,
    sum(revenue) as revenue,
    sum(orders) as orders
from live.sales_by_minute
where
    currency = {currency:String}
    and minute > toStartOfMinute(now('UTC')) - interval 60 minute
    and minute <= now('UTC')
group by minute
order by
    minute with fill
    from toStartOfMinute(now('UTC')) - interval 59 minute
    to toStartOfMinute(now('UTC')) + interval 1 minute
    step interval 1 minute
