"""What follows an order: money, parcels, second thoughts."""

from __future__ import annotations

from datetime import datetime

from tillstream.simulate.lifecycle import Status
from tillstream.simulate.present.orders import changed
from tillstream.simulate.present.state import Order, World
from tillstream.simulate.present.statements import insert, money, update
from tillstream.simulate.present.stock import move_stock

_PAYMENT = "id, order_id, payment_method_id, status, amount, created_at, updated_at"
_REFUND = "id, order_id, payment_id, reason, amount, completed, created_at"
_SHIPMENT = "id, order_id, warehouse_id, shipping_method_id, status, cost, created_at"
_REASONS = ("damaged", "late", "unwanted", "wrong_item")
_WAITING: tuple[Status, ...] = ("placed", "payment_failed", "paid", "shipped", "returned")
_BACKLOG = 300
_KEPT_DELIVERED = 3_000


def advance(world: World, now: datetime) -> list[str] | None:
    """The next thing happens to one of the orders that wait for something."""
    waiting = [len(world.orders[status]) for status in _WAITING]
    if sum(waiting) < _BACKLOG:
        return None
    [status] = world.random.choices(_WAITING, waiting)
    order = world.orders[status].take(world.random)
    draw = world.random.random()
    if status == "placed":
        return _settle(world, order, now, draw)
    if status == "payment_failed":
        return _retry(world, order, now, draw)
    if status == "paid":
        return cancel(world, order, now) if draw < 0.025 else _dispatch(world, order, now)
    if status == "shipped":
        return _deliver(world, order, now)
    return _refund_all(world, order, now)


def send_back(world: World, now: datetime) -> list[str] | None:
    """A parcel comes back, and its goods go on the shelf again."""
    if not len(world.orders["delivered"]):
        return None
    order = world.orders["delivered"].take(world.random)
    statements = _become(world, order, "returned", now, shipping_status="returned")
    if order.shipment is not None:
        statements.append(update("shipments", order.shipment, status="returned"))
    return [*statements, *move_stock(world, order, "return", now)]


def refund_all(world: World, now: datetime) -> list[str] | None:
    """A delivered order is paid back, and the customer keeps the goods."""
    if not len(world.orders["delivered"]):
        return None
    return _refund_all(world, world.orders["delivered"].take(world.random), now)


def refund_part(world: World, now: datetime) -> list[str] | None:
    """A part of a delivered order is paid back; sometimes the money is still on its way."""
    if not len(world.orders["delivered"]):
        return None
    # It leaves the pool: no second refund can add up to more than was paid.
    order = world.orders["delivered"].take(world.random)
    amount = order.total * (5 + 5 * world.below(10)) // 100
    return [
        *_refund(world, order, amount, now),
        update("orders", order.id, updated_at=now),
    ]


def settle_refund(world: World, now: datetime) -> list[str] | None:  # noqa: ARG001 (every action has the same shape)
    """Money that was on its way back has arrived."""
    if not world.open_refunds:
        return None
    return [update("refunds", world.open_refunds.popleft(), completed=True)]


def cancel(world: World, order: Order, now: datetime) -> list[str]:
    """An order is called off: goods back on the shelf, money back to the customer, no parcel."""
    was_paid, statements = order.payment_status == "completed", []
    payment_status = "refunded" if was_paid else order.payment_status
    if order.payment_status == "authorized" and order.payment is not None:
        statements.append(update("payments", order.payment, status="failed", updated_at=now))
        payment_status = "failed"
    if was_paid:
        statements += _refund(world, order, order.total, now, reason="cancelled")
    if order.shipment is not None:
        statements.append(f"delete from shipments where id = {order.shipment}")
    order.payment_status = payment_status
    return [
        *_become(world, order, "cancelled", now, payment_status=payment_status, cancelled_at=now),
        *statements,
        *move_stock(world, order, "cancellation", now),
    ]


def _settle(world: World, order: Order, now: datetime, draw: float) -> list[str]:
    if draw < 0.04:
        return _fail(world, order, now)
    if draw < 0.06:
        return cancel(world, order, now)
    if draw < 0.3 and order.payment is None:
        order.payment, order.payment_status = world.numbers.next("payments"), "authorized"
        world.orders["placed"].add(order)
        return [
            _payment(order, order.payment, "authorized", now),
            update("orders", order.id, payment_status="authorized", updated_at=now),
        ]
    return _pay(world, order, now)


def _retry(world: World, order: Order, now: datetime, draw: float) -> list[str]:
    if draw < 0.6:
        return _pay(world, order, now)
    if draw < 0.75:
        world.orders["payment_failed"].add(order)
        return [
            _payment(order, world.numbers.next("payments"), "failed", now),
            update("orders", order.id, updated_at=now),
        ]
    return cancel(world, order, now)


def _pay(world: World, order: Order, now: datetime) -> list[str]:
    if order.payment is not None:
        payment = update("payments", order.payment, status="completed", updated_at=now)
    else:
        order.payment = world.numbers.next("payments")
        payment = _payment(order, order.payment, "completed", now)
    order.payment_status = "completed"
    order.shipment = world.numbers.next("shipments")
    cost = money(180 + world.below(2200))
    parcel = (order.shipment, order.id, order.warehouse, order.shipping_method, "pending", cost, now)
    return [
        payment,
        *_become(world, order, "paid", now, payment_status="completed"),
        insert("shipments", _SHIPMENT, parcel),
    ]


def _fail(world: World, order: Order, now: datetime) -> list[str]:
    if order.payment is not None:
        payment = update("payments", order.payment, status="failed", updated_at=now)
        order.payment = None
    else:
        payment = _payment(order, world.numbers.next("payments"), "failed", now)
    order.payment_status = "failed"
    return [payment, *_become(world, order, "payment_failed", now, payment_status="failed")]


def _dispatch(world: World, order: Order, now: datetime) -> list[str]:
    statements = _become(world, order, "shipped", now, shipping_status="dispatched")
    if order.shipment is not None:
        number = f"TS{world.below(900_000_000) + 100_000_000}"
        statements.append(
            update("shipments", order.shipment, status="dispatched", tracking_number=number, dispatched_at=now)
        )
    return statements


def _deliver(world: World, order: Order, now: datetime) -> list[str]:
    statements = _become(world, order, "delivered", now, shipping_status="completed")
    if order.shipment is not None:
        statements.append(update("shipments", order.shipment, status="completed", completed_at=now))
    if len(world.orders["delivered"]) > _KEPT_DELIVERED:
        world.orders["delivered"].take(world.random)
    return statements


def _refund_all(world: World, order: Order, now: datetime) -> list[str]:
    was_returned = order.status == "returned"
    refund = _refund(world, order, order.total - (order.shipping if was_returned else 0), now)
    order.payment_status = "refunded"
    return [*_become(world, order, "refunded", now, payment_status="refunded"), *refund]


def _refund(world: World, order: Order, amount: int, now: datetime, reason: str = "") -> list[str]:
    if amount <= 0:
        return []
    number = world.numbers.next("refunds")
    # Small sums are sometimes still on their way.
    completed = amount >= order.total - order.shipping or world.chance(0.7)
    if not completed:
        world.open_refunds.append(number)
    why = reason or world.random.choice(_REASONS)
    return [insert("refunds", _REFUND, (number, order.id, order.payment, why, money(amount), completed, now))]


def _payment(order: Order, number: int, status: str, now: datetime) -> str:
    row = (number, order.id, order.payment_method, status, money(order.total), now, now)
    return insert("payments", _PAYMENT, row)


def _become(world: World, order: Order, status: Status, now: datetime, **also: str | datetime) -> list[str]:
    """The order goes on to the next status, and the trace of it is kept."""
    former = order.status
    order.become(status)
    if status not in ("cancelled", "refunded"):
        world.orders[status].add(order)
    return [update("orders", order.id, status=status, **also, updated_at=now), changed(world, order, former, now)]
