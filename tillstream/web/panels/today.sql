with

    toStartOfDay(now('UTC'), {zone:String}) as today,

    minutes as (

        select
            minute >= today as is_today,
            orders,
            counted_orders,
            units,
            revenue
        from live.sales_by_minute
        where
            currency = {currency:String}
            and minute >= today - interval 1 day
            and (minute >= today or minute <= now('UTC') - interval 1 day)

    ),

    final as (

        select
            sumIf(revenue, is_today) as revenue,
            sumIf(orders, is_today) as orders,
            sumIf(units, is_today) as units,
            if(sumIf(counted_orders, is_today) = 0, null,
                round(cast(revenue as Decimal(38, 6)) / sumIf(counted_orders, is_today), 2)) as average_order,
            sumIf(minutes.revenue, not is_today) as revenue_yesterday,
            sumIf(minutes.orders, not is_today) as orders_yesterday,
            sumIf(minutes.units, not is_today) as units_yesterday,
            if(sumIf(counted_orders, not is_today) = 0, null,
                round(cast(revenue_yesterday as Decimal(38, 6)) / sumIf(counted_orders, not is_today), 2)) as average_order_yesterday
        from minutes

    )

select * from final
