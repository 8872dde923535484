"""What holds in every committed row of the store. Each query returns the rows that break it."""

from __future__ import annotations

from typing import LiteralString

import psycopg

IDENTITIES: dict[str, LiteralString] = {
    "orders_are_the_sums_of_their_lines": """
        select o.id from orders o
        left join (
            select order_id, sum(gross_amount) gross, sum(discount_amount) discount, sum(tax_amount) tax
            from order_lines group by order_id
        ) l on l.order_id = o.id
        where (o.items_amount, o.discount_amount, o.tax_amount)
            is distinct from (coalesce(l.gross, 0), coalesce(l.discount, 0), coalesce(l.tax, 0))
    """,
    "orders_have_one_to_ten_lines": """
        select o.id, count(l.id) from orders o left join order_lines l on l.order_id = o.id
        group by o.id having count(l.id) not between 1 and 10
    """,
    "totals_follow_from_amounts": """
        select id from orders where total_amount <> items_amount - discount_amount + tax_amount + shipping_amount
        union all
        select id from order_lines where total_amount <> gross_amount - discount_amount + tax_amount
            or gross_amount <> quantity * unit_price
    """,
    "line_tax_follows_from_the_rate": """
        select l.id from order_lines l join products p on p.id = l.product_id
        where l.tax_amount <> round((l.gross_amount - l.discount_amount) * p.tax_rate, 2)
    """,
    "refunds_never_exceed_payments": """
        select o.id from orders o
        join (select order_id, sum(amount) amount from refunds where completed group by 1) r on r.order_id = o.id
        left join (select order_id, sum(amount) amount from payments where status = 'completed' group by 1) p
            on p.order_id = o.id
        where r.amount > coalesce(p.amount, 0)
    """,
    "refunds_belong_to_a_payment_of_their_order": """
        select r.id from refunds r join payments p on p.id = r.payment_id
        where p.order_id <> r.order_id or p.status <> 'completed'
    """,
    "completed_payments_are_the_total_of_paid_orders": """
        select o.id from orders o
        left join (select order_id, sum(amount) amount from payments where status = 'completed' group by 1) p
            on p.order_id = o.id
        where (o.payment_status in ('completed', 'refunded')) <> (p.amount is not null)
            or o.total_amount <> coalesce(p.amount, o.total_amount)
    """,
    "the_last_change_of_status_is_the_status": """
        select o.id from orders o
        left join lateral (
            select to_status from order_status_history where order_id = o.id
            order by changed_at desc, id desc limit 1
        ) h on true
        where o.status is distinct from h.to_status
    """,
    "changes_of_status_are_legal": """
        select h.id, h.from_status, h.to_status from (
            select *, lag(to_status) over (partition by order_id order by changed_at, id) as before
            from order_status_history
        ) h
        where h.from_status is distinct from h.before
            or (coalesce(h.from_status::text, ''), h.to_status::text) not in (
                ('', 'placed'), ('placed', 'paid'), ('placed', 'payment_failed'), ('placed', 'cancelled'),
                ('payment_failed', 'paid'), ('payment_failed', 'cancelled'), ('paid', 'shipped'), ('paid', 'cancelled'),
                ('shipped', 'delivered'), ('delivered', 'returned'), ('delivered', 'refunded'), ('returned', 'refunded')
            )
    """,
    "parcels_agree_with_orders": """
        select o.id, o.status, o.shipping_status, s.status from orders o left join shipments s on s.order_id = o.id
        where (o.status = 'paid' and coalesce(s.status, 'completed') <> 'pending')
            or (o.status in ('placed', 'payment_failed', 'cancelled') and s.id is not null)
            or (o.status = 'shipped' and s.status is distinct from 'dispatched')
            or (o.status in ('delivered', 'refunded') and s.status not in ('completed', 'returned'))
            or (o.status = 'returned' and s.status is distinct from 'returned')
            or (s.id is not null and s.status <> o.shipping_status)
    """,
    "parcels_have_their_times": """
        select id from shipments
        where (status = 'pending') <> (dispatched_at is null)
            or (status in ('completed', 'returned')) <> (completed_at is not null)
            or (status = 'pending') <> (tracking_number is null)
            or dispatched_at < created_at
    """,
    "stock_is_the_sum_of_its_moves": """
        select l.variant_id, l.warehouse_id from stock_levels l
        full join (select variant_id, warehouse_id, sum(quantity) quantity from stock_moves group by 1, 2) m
            using (variant_id, warehouse_id)
        where coalesce(l.on_hand, 0) <> coalesce(m.quantity, 0)
    """,
    "stock_of_an_order_left_or_came_back": """
        select o.id from orders o
        join (select order_id, sum(quantity) quantity from order_lines group by 1) l on l.order_id = o.id
        join (select order_id, sum(quantity) quantity from stock_moves group by 1) m on m.order_id = o.id
        where m.quantity <> case
            when o.status = 'cancelled' or o.shipping_status = 'returned' then 0 else -l.quantity end
    """,
    "ordered_carts_have_an_order_and_only_they": """
        select id from carts where state <> 'ordered' and order_id is not null
    """,
    "nothing_happens_before_it_can": """
        select o.id from orders o join customers c on c.id = o.customer_id where o.placed_at < c.created_at
        union all select p.id from payments p join orders o on o.id = p.order_id where p.updated_at < o.placed_at
        union all select r.id from refunds r join payments p on p.id = r.payment_id where r.created_at < p.updated_at
        union all select id from orders where updated_at < placed_at
    """,
    "an_order_goes_to_an_address_of_its_customer": """
        select o.id from orders o join addresses a on a.id = o.shipping_address_id where a.customer_id <> o.customer_id
    """,
    "cancelled_orders_know_when": """
        select id from orders where (status = 'cancelled') <> (cancelled_at is not null)
    """,
}


def broken(url: str) -> dict[str, list[tuple[object, ...]]]:
    """The first rows that break each identity; nothing when all hold."""
    found = {}
    with psycopg.connect(url) as connection:
        for name, query in IDENTITIES.items():
            rows = connection.execute(query).fetchmany(5)
            if rows:
                found[name] = rows
    return found
