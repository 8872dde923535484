with

    toDate(now({zone:String})) as today

select
    sumIf(days.customers, days.day = today) as customers,
    sumIf(days.customers, days.day = today - 1) as customers_yesterday
from live.registrations_by_day as days
where days.day >= today - 1
