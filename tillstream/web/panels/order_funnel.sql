select
    sum(placed) as placed,
    sum(paid) as paid,
    sum(shipped) as shipped,
    sum(delivered) as delivered,
    sum(payment_failed) as payment_failed,
    sum(cancelled) as cancelled,
    sum(returned) as returned,
    sum(refunded) as refunded
from live.order_funnel
