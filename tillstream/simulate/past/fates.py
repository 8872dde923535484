"""What became of the orders of the past: payments, parcels, returns, and the trace of it all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tillstream.simulate.lifecycle import Status
from tillstream.simulate.past.sales import Orders
from tillstream.simulate.past.seasons import DAY, HOUR, MINUTE, Span, after
from tillstream.simulate.people import STAFF_COUNT
from tillstream.simulate.tables import Columns, Flags, Integers, chosen, ids, joined, moments, money, numbers

NEVER = np.int64(2**62)
_STATUSES: tuple[Status, ...] = (
    "placed",
    "paid",
    "payment_failed",
    "cancelled",
    "shipped",
    "delivered",
    "returned",
    "refunded",
)
_REASONS = ("damaged", "late", "unwanted", "wrong_item", "cancelled")
_CANCELLED = _REASONS.index("cancelled")


@dataclass(frozen=True, slots=True)
class Fates:
    """When each order reached each status, NEVER if it has not, and what was given back in part."""

    failed: Integers
    paid: Integers
    cancelled: Integers
    shipped: Integers
    delivered: Integers
    returned: Integers
    refunded: Integers
    given_back_at: Integers
    given_back_percent: Integers

    def reached(self, status: Status) -> Integers:
        """The moments of one status after `placed`."""
        moment: Integers = getattr(self, "failed" if status == "payment_failed" else status)
        return moment


def make_fates(random: np.random.Generator, orders: Orders, span: Span) -> Fates:
    """Draw what happens to each order, then forget what lies after the span's end."""
    count = len(orders.placed_at)
    placed = orders.placed_at

    def draw(share_of_orders: float) -> Flags:
        chosen_ones: Flags = random.random(count) < share_of_orders
        return chosen_ones

    fails = draw(0.055)
    failed = np.where(fails, after(random, placed, 20_000_000, 2 * MINUTE), NEVER)
    gives_up = np.where(fails, draw(0.4), draw(0.015))
    paid_at = np.where(fails, after(random, failed, MINUTE, 5 * HOUR), after(random, placed, 8_000_000, 4 * MINUTE))
    paid = np.where(gives_up, NEVER, paid_at)
    regrets = ~gives_up & draw(0.022)
    gives_up_at = after(random, np.where(fails, failed, placed), 5 * MINUTE, 14 * HOUR)
    cancelled = np.where(gives_up, gives_up_at, np.where(regrets, after(random, paid, MINUTE, 5 * HOUR), NEVER))
    haste = np.array([1.0, 0.45, 0.6, 0.25])[orders.shipping_method]
    shipping_wait = (random.exponential(22 * HOUR, count) + 5 * HOUR) * haste
    shipped = np.where(gives_up | regrets, NEVER, paid + shipping_wait.astype(np.int64))
    travel = (random.gamma(3.0, 1.1 * DAY, count) + 8 * HOUR) * haste
    delivered = np.where(shipped < NEVER, shipped + travel.astype(np.int64), NEVER)
    comes_back = (delivered < NEVER) & draw(0.045)
    returned = np.where(comes_back, after(random, delivered, DAY, 6 * DAY), NEVER)
    settled = (delivered < NEVER) & ~comes_back & draw(0.006)
    refunded = np.where(
        comes_back,
        after(random, returned, 2 * HOUR, 2 * DAY),
        np.where(settled, after(random, delivered, HOUR, 3 * DAY), NEVER),
    )
    partly = (delivered < NEVER) & ~comes_back & ~settled & draw(0.02)
    given_back = np.where(partly, after(random, delivered, HOUR, 4 * DAY), NEVER)

    def until_now(moments_of_all: Integers) -> Integers:
        return np.where(moments_of_all <= span.end, moments_of_all, NEVER)

    return Fates(
        failed=until_now(failed),
        paid=until_now(paid),
        cancelled=until_now(cancelled),
        shipped=until_now(shipped),
        delivered=until_now(delivered),
        returned=until_now(returned),
        refunded=until_now(refunded),
        given_back_at=until_now(given_back),
        given_back_percent=random.integers(1, 11, count) * 5,
    )


def order_states(orders: Orders, fates: Fates) -> Columns:
    """The columns of orders that tell where they stand."""
    status, last = np.zeros(len(orders.placed_at), dtype=np.int64), orders.placed_at
    for number, name in enumerate(_STATUSES[1:], 1):
        moment = fates.reached(name)
        later = (moment < NEVER) & (moment >= last)
        status, last = np.where(later, number, status), np.where(later, moment, last)
    is_paid, is_cancelled = fates.paid < NEVER, fates.cancelled < NEVER
    back = (fates.refunded < NEVER) | (is_paid & is_cancelled)
    payment = np.select([back, is_paid, fates.failed < NEVER], [3, 1, 2], 0)
    parcel = np.select([fates.returned < NEVER, fates.delivered < NEVER, fates.shipped < NEVER], [3, 2, 1], 0)
    given_back = fates.given_back_at < NEVER
    return {
        "status": chosen(_STATUSES, status),
        "payment_status": chosen(["pending", "completed", "failed", "refunded"], payment),
        "shipping_status": chosen(["pending", "dispatched", "completed", "returned"], parcel),
        "placed_at": moments(orders.placed_at),
        "updated_at": moments(np.where(given_back, np.maximum(last, fates.given_back_at), last)),
        "cancelled_at": moments(fates.cancelled, ~is_cancelled),
    }


def status_history(orders: Orders, fates: Fates) -> Columns:
    """One row for each change of status, in the order they happened."""
    everyone = np.arange(len(orders.placed_at))
    order, to, moment = [everyone], [np.zeros_like(everyone)], [orders.placed_at]
    for number, name in enumerate(_STATUSES[1:], 1):
        reached = np.flatnonzero(fates.reached(name) < NEVER)
        order.append(reached)
        to.append(np.full(len(reached), number))
        moment.append(fates.reached(name)[reached])
    orders_in, to_in, moments_in = np.concatenate(order), np.concatenate(to), np.concatenate(moment)
    by_order = np.lexsort((moments_in, orders_in))
    former = np.empty_like(to_in)
    former[by_order[1:]] = to_in[by_order[:-1]]
    by_time = np.lexsort((to_in, moments_in))
    orders_in, to_in, moments_in, former = (part[by_time] for part in (orders_in, to_in, moments_in, former))
    return {
        "id": ids(len(orders_in)),
        "order_id": orders_in + 1,
        "staff_id": numbers(orders_in % STAFF_COUNT + 1, ~np.isin(to_in, [4, 6, 7])),
        "from_status": chosen(_STATUSES, former, to_in == 0),
        "to_status": chosen(_STATUSES, to_in),
        "comment": chosen(["by the customer"], np.zeros_like(to_in), to_in != 3),
        "changed_at": moments(moments_in),
    }


def payments_and_refunds(random: np.random.Generator, orders: Orders, fates: Fates) -> tuple[Columns, Columns]:
    """Failed and completed payments; what was given back of the completed ones."""
    bad, good = np.flatnonzero(fates.failed < NEVER), np.flatnonzero(fates.paid < NEVER)
    order = np.concatenate([bad, good])
    is_good = np.arange(len(order)) >= len(bad)
    moment = np.where(is_good, fates.paid[order], fates.failed[order])
    by_time = np.argsort(moment, kind="stable")
    order, is_good, moment = order[by_time], is_good[by_time], moment[by_time]
    payment_of = np.zeros(len(orders.placed_at), dtype=np.int64)
    payment_of[order[is_good]] = np.flatnonzero(is_good)
    payments = {
        "id": ids(len(order)),
        "order_id": order + 1,
        "payment_method_id": orders.payment_method[order] + 1,
        "status": chosen(["failed", "completed"], is_good.astype(np.int64)),
        "amount": money(orders.total[order]),
        "created_at": moments(moment - 3_000_000),
        "updated_at": moments(moment),
    }
    return payments, _refunds(random, orders, fates, payment_of)


def _refunds(random: np.random.Generator, orders: Orders, fates: Fates, payment_of: Integers) -> Columns:
    regretted = (fates.paid < NEVER) & (fates.cancelled < NEVER)
    partly = fates.given_back_at < NEVER
    moment = np.select(
        [regretted, fates.refunded < NEVER, partly], [fates.cancelled, fates.refunded, fates.given_back_at], NEVER
    )
    # A return is paid back without the shipping, a cancellation in full.
    amount = np.select(
        [regretted, partly],
        [orders.total, orders.total * fates.given_back_percent // 100],
        orders.total - orders.shipping,
    )
    order = np.flatnonzero((moment < NEVER) & (amount > 0))
    order = order[np.argsort(moment[order], kind="stable")]
    reason = np.where(regretted[order], _CANCELLED, random.integers(0, _CANCELLED, len(order)))
    return {
        "id": ids(len(order)),
        "order_id": order + 1,
        "payment_id": payment_of[order] + 1,
        "reason": chosen(_REASONS, reason),
        "amount": money(amount[order]),
        "completed": chosen([True, False], (random.random(len(order)) < 0.01).astype(np.int64)),  # type: ignore[list-item]
        "created_at": moments(moment[order]),
    }


def shipments(random: np.random.Generator, orders: Orders, fates: Fates) -> Columns:
    """A parcel for every order that was paid and not cancelled."""
    order = np.flatnonzero((fates.paid < NEVER) & (fates.cancelled == NEVER))
    order = order[np.argsort(fates.paid[order], kind="stable")]
    dispatched, completed = fates.shipped[order], fates.delivered[order]
    state = np.select([fates.returned[order] < NEVER, completed < NEVER, dispatched < NEVER], [3, 2, 1], 0)
    parcel = np.where(dispatched < NEVER, order * 7_919 % 900_000_000 + 100_000_000, 0)
    return {
        "id": ids(len(order)),
        "order_id": order + 1,
        "warehouse_id": orders.warehouse[order] + 1,
        "shipping_method_id": orders.shipping_method[order] + 1,
        "status": chosen(["pending", "dispatched", "completed", "returned"], state),
        "tracking_number": joined("TS", numbers(parcel, parcel == 0)),
        "cost": money(random.integers(180, 2400, len(order))),
        "created_at": moments(fates.paid[order]),
        "dispatched_at": moments(dispatched, dispatched == NEVER),
        "completed_at": moments(completed, completed == NEVER),
    }
