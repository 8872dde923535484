with

    -- Rollups have days of UTC; a customer counts on a day of the store's own time zone.
    toStartOfDay(now('UTC'), {zone:String}) as today,

    toStartOfDay(now('UTC') - interval 1 day, {zone:String}) as yesterday

select
    sumIf(sign, registered_at >= today) as customers,
    sumIf(sign, registered_at < today) as customers_yesterday
from facts.fct_registrations
where registered_at >= yesterday
