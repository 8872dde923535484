"""Carts of the past: those that became orders, those that were left behind, those still open."""

from __future__ import annotations

import numpy as np

from tillstream.simulate.past.sales import Lines, Orders
from tillstream.simulate.past.seasons import DAY, HOUR, MINUTE, SECOND, Span, busy_moments
from tillstream.simulate.people import People
from tillstream.simulate.tables import Columns, Integers, chosen, moments, numbers, uuids

_LEFT_BEHIND = 0.45  # for each order


def make_carts(
    random: np.random.Generator, sales: tuple[Orders, Lines], people: People, variant_count: int, span: Span
) -> tuple[Columns, Columns]:
    """The rows of carts and cart_lines."""
    orders, lines = sales
    left = int(len(orders.placed_at) * _LEFT_BEHIND)
    names = np.array(uuids(random, len(orders.placed_at) + left), dtype=object)
    carts, began = _ordered(random, orders, people)
    left_carts, left_began, touched = _left(random, left, people, span)
    known = np.concatenate([carts, left_carts])
    cart_of_line, variant = _left_lines(random, left, variant_count)
    ordered_count = len(orders.placed_at)
    order = np.concatenate([np.arange(ordered_count), np.full(left, -1)])
    state = np.concatenate([np.zeros(ordered_count, dtype=np.int64), np.where(touched < span.end - DAY, 1, 2)])
    last = np.concatenate([orders.placed_at, touched])
    cart_of_all = np.concatenate([lines.order, cart_of_line + ordered_count])
    since = np.concatenate([began, left_began])
    part = random.random(len(cart_of_all))
    added = since[cart_of_all] + (part * (last - since)[cart_of_all]).astype(np.int64)
    quantity = np.concatenate([lines.quantity, random.choice(3, len(variant), p=[0.8, 0.15, 0.05]) + 1])
    rows = {
        "id": names.tolist(),
        "customer_id": numbers(known + 1, known < 0),
        "order_id": numbers(order + 1, order < 0),
        "state": chosen(["ordered", "abandoned", "open"], state),
        "created_at": moments(since),
        "updated_at": moments(last),
    }
    line_rows = {
        "cart_id": names[cart_of_all].tolist(),
        "variant_id": np.concatenate([lines.variant, variant]) + 1,
        "quantity": quantity,
        "added_at": moments(added),
    }
    return rows, line_rows


def _ordered(random: np.random.Generator, orders: Orders, people: People) -> tuple[Integers, Integers]:
    """Whose cart it was, and when it was begun: before the order and after joining."""
    wait = random.exponential(2 * HOUR, len(orders.placed_at)).astype(np.int64) + MINUTE
    longest = orders.placed_at - people.joined_at[orders.customer]
    return orders.customer, orders.placed_at - np.minimum(wait, np.maximum(longest, 0))


def _left(random: np.random.Generator, count: int, people: People, span: Span) -> tuple[Integers, Integers, Integers]:
    began = busy_moments(random, count, span)
    touched = np.minimum(began + random.exponential(40 * MINUTE, count).astype(np.int64), span.end - SECOND)
    known = np.searchsorted(people.joined_at, began)
    customer = (known * random.random(count)).astype(np.int64)
    # Visitors fill carts too.
    return np.where((random.random(count) < 0.4) | (known == 0), -1, customer), began, touched


def _left_lines(random: np.random.Generator, count: int, variant_count: int) -> tuple[Integers, Integers]:
    cart = np.repeat(np.arange(count), random.choice(4, count, p=[0.5, 0.3, 0.15, 0.05]) + 1)
    variant = random.integers(0, variant_count, len(cart))
    _, first = np.unique(cart * variant_count + variant, return_index=True)
    kept = np.sort(first)
    return cart[kept], variant[kept]
