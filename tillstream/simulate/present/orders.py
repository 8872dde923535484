"""Orders are placed, corrected before they are paid, and, rarely, removed altogether."""

from __future__ import annotations

from datetime import datetime

from tillstream.simulate import words
from tillstream.simulate.amounts import percent_of, share, tax_on
from tillstream.simulate.present.carts import owner
from tillstream.simulate.present.state import Code, Line, Order, World
from tillstream.simulate.present.statements import Value, insert, money, update
from tillstream.simulate.present.stock import move_stock

_ORDER = (
    "id, number, customer_id, staff_id, shipping_address_id, discount_id, payment_method_id, shipping_method_id,"
    " currency, items_amount, discount_amount, tax_amount, shipping_amount, total_amount, note, placed_at, updated_at"
)
_LINE = (
    "id, order_id, line_number, product_id, variant_id, quantity, unit_price, gross_amount, discount_amount,"
    " tax_amount, total_amount"
)
_HISTORY = "id, order_id, staff_id, from_status, to_status, comment, changed_at"
_FREE_SHIPPING_FROM = 10_000


def place(world: World, now: datetime) -> list[str] | None:
    """A cart becomes an order."""
    if not len(world.carts):
        return None
    cart = world.carts.take(world.random)
    customer = owner(world, cart)
    customer.has_ordered = True
    address = world.random.choice(customer.addresses)
    code = _code(world, now)
    lines = _lines(world, cart.lines, code)
    method, price = world.random.choice(world.shipping_methods)
    order = Order(
        id=world.numbers.next("orders"),
        status="placed",
        payment_status="pending",
        warehouse=world.town.warehouse_of[address.city],
        payment_method=world.random.choice(world.payment_methods),
        shipping_method=method,
        shipping=price,
        lines=lines,
    )
    if price < 1000 and order.items - order.discount >= _FREE_SHIPPING_FROM:
        order.shipping = 0
    world.orders["placed"].add(order)
    row: tuple[Value, ...] = (
        order.id,
        f"T{order.id:08d}",
        customer.id,
        world.random.choice(world.staff) if world.staff and world.chance(0.08) else None,
        address.id,
        code.id if code and order.discount else None,
        order.payment_method,
        order.shipping_method,
        "USD",
        *(money(part) for part in (order.items, order.discount, order.tax, order.shipping, order.total)),
        world.random.choice(words.NOTES) if world.chance(0.05) else None,
        now,
        now,
    )
    return [
        insert("orders", _ORDER, row),
        insert("order_lines", _LINE, *(_line_row(order, line) for line in lines)),
        insert("order_status_history", _HISTORY, history_row(world, order, None, now)),
        *move_stock(world, order, "sale", now),
        update("carts", cart.id, state="ordered", order_id=order.id, customer_id=customer.id, updated_at=now),
    ]


def remove_line(world: World, now: datetime) -> list[str] | None:
    """A line is taken out of an order that nobody has paid for yet; the order's amounts follow."""
    candidates = [order for order in world.orders["placed"] if len(order.lines) > 1 and order.payment is None]
    if not candidates:
        return None
    order = world.random.choice(candidates)
    line = order.lines.pop(world.below(len(order.lines)))
    return [
        f"delete from order_lines where id = {line.id}",
        update(
            "orders",
            order.id,
            items_amount=money(order.items),
            discount_amount=money(order.discount),
            tax_amount=money(order.tax),
            total_amount=money(order.total),
            updated_at=now,
        ),
        *move_stock(world, order, "cancellation", now, [line]),
    ]


def delete(world: World, now: datetime) -> list[str] | None:
    """A test order is deleted with all that hangs on it. Its stock comes back first."""
    if not len(world.orders["placed"]):
        return None
    order = world.orders["placed"].take(world.random)
    return [*move_stock(world, order, "correction", now), f"delete from orders where id = {order.id}"]


def history_row(
    world: World, order: Order, former: str | None, now: datetime, comment: str | None = None
) -> tuple[Value, ...]:
    """The row of order_status_history for the status that the order has now."""
    by_staff = former is not None and world.staff and order.status in ("shipped", "returned", "refunded")
    staff = world.random.choice(world.staff) if by_staff else None
    return (world.numbers.next("order_status_history"), order.id, staff, former, order.status, comment, now)


def changed(world: World, order: Order, former: str, now: datetime) -> str:
    """The statement that records a change of status."""
    return insert("order_status_history", _HISTORY, history_row(world, order, former, now))


def _code(world: World, now: datetime) -> Code | None:
    if not world.codes or not world.chance(0.25):
        return None
    code = world.random.choice(world.codes)
    return code if code.started_at <= now < code.expired_at else None


def _lines(world: World, wanted: dict[int, int], code: Code | None) -> list[Line]:
    variants = [world.shelf.variants[variant] for variant in wanted]
    items = sum(variant.price * wanted[variant.id] for variant in variants)
    discount = 0
    if code is not None and items > 0:
        discount = percent_of(items, code.value) if code.is_percent else min(code.value, items)
    lines, before = [], 0
    for number, variant in enumerate(variants, 1):
        quantity = wanted[variant.id]
        gross = quantity * variant.price
        part = share(discount, before, gross, max(items, 1))
        before += gross
        lines.append(
            Line(
                id=world.numbers.next("order_lines"),
                number=number,
                product=variant.product,
                variant=variant.id,
                quantity=quantity,
                unit_price=variant.price,
                discount=part,
                tax=tax_on(gross - part, variant.tax_rate),
            )
        )
    return lines


def _line_row(order: Order, line: Line) -> tuple[Value, ...]:
    return (
        line.id,
        order.id,
        line.number,
        line.product,
        line.variant,
        line.quantity,
        *(money(part) for part in (line.unit_price, line.gross, line.discount, line.tax, line.total)),
    )
