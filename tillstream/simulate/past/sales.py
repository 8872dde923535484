"""The orders of the past: who ordered what, when, and for how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tillstream.simulate import words
from tillstream.simulate.amounts import percent_of, share, tax_on
from tillstream.simulate.catalogue import Catalogue
from tillstream.simulate.past.seasons import Span, busy_moments
from tillstream.simulate.people import STAFF_COUNT, People
from tillstream.simulate.places import cities
from tillstream.simulate.promotions import Promotions
from tillstream.simulate.tables import Columns, Flags, Integers, chosen, ids, money, numbers

_LINE_COUNTS = np.array([0.34, 0.26, 0.16, 0.09, 0.06, 0.035, 0.022, 0.015, 0.01, 0.008])
_QUANTITIES = np.array([0.76, 0.16, 0.05, 0.03])
_FREE_SHIPPING_FROM = 10_000  # cents, for the standard method


@dataclass(frozen=True, slots=True)
class Lines:
    """Order lines as arrays, in the order of their orders. Money in cents; all numbered from 0."""

    order: Integers
    number: Integers
    product: Integers
    variant: Integers
    quantity: Integers
    unit_price: Integers
    gross: Integers
    discount: Integers
    tax: Integers

    @property
    def total(self) -> Integers:
        return self.gross - self.discount + self.tax

    @property
    def columns(self) -> Columns:
        return {
            "id": ids(len(self.order)),
            "order_id": self.order + 1,
            "line_number": self.number,
            "product_id": self.product + 1,
            "variant_id": self.variant + 1,
            "quantity": self.quantity,
            "unit_price": money(self.unit_price),
            "gross_amount": money(self.gross),
            "discount_amount": money(self.discount),
            "tax_amount": money(self.tax),
            "total_amount": money(self.total),
        }


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders as arrays, in the order they were placed. Money in cents; all numbered from 0."""

    placed_at: Integers
    customer: Integers
    address: Integers
    warehouse: Integers
    payment_method: Integers
    shipping_method: Integers
    discount_code: Integers
    has_code: Flags
    items: Integers
    discount: Integers
    tax: Integers
    shipping: Integers

    @property
    def total(self) -> Integers:
        return self.items - self.discount + self.tax + self.shipping


def make_sales(
    random: np.random.Generator, counts: tuple[int, Span], people: People, shelf: Catalogue, codes: Promotions
) -> tuple[Orders, Lines]:
    """So many orders within the span, by customers who had joined, of products that had been launched."""
    count, span = counts
    placed_at = busy_moments(random, count, span)
    customer = _customers(random, placed_at, people)
    address = people.first_address[customer]
    second = (people.address_count[customer] > 1) & (random.random(count) < 0.3)
    address = address + second
    order, product, variant = _choices(random, placed_at, shelf)
    quantity = random.choice(4, len(order), p=_QUANTITIES) + 1
    former = placed_at[order] < shelf.price_changed_at[product]
    unit_price = np.where(
        former, percent_of(shelf.price[variant], shelf.former_price_percent[product]), shelf.price[variant]
    )
    gross = quantity * unit_price
    items = _by_order(order, gross, count)
    code, has_code, discount = _discounts(random, placed_at, items, codes)
    before = np.cumsum(gross) - gross
    before -= before[np.searchsorted(order, order)]
    line_discount = share(discount[order], before, gross, np.maximum(items, 1)[order])
    tax = tax_on(gross - line_discount, shelf.tax_rate[product])
    method = random.choice(4, count, p=[0.66, 0.2, 0.08, 0.06])
    prices = np.array([price for _, price in words.SHIPPING_METHODS], dtype=np.int64)
    lines = Lines(
        order=order,
        number=np.arange(len(order)) - np.searchsorted(order, order) + 1,
        product=product,
        variant=variant,
        quantity=quantity,
        unit_price=unit_price,
        gross=gross,
        discount=line_discount,
        tax=tax,
    )
    orders = Orders(
        placed_at=placed_at,
        customer=customer,
        address=address,
        warehouse=nearest_warehouse()[people.city_of_address[address]],
        payment_method=random.choice(5, count, p=[0.58, 0.24, 0.09, 0.05, 0.04]),
        shipping_method=method,
        discount_code=code,
        has_code=has_code,
        items=items,
        discount=discount,
        tax=_by_order(order, tax, count),
        shipping=np.where((method == 0) & (items - discount >= _FREE_SHIPPING_FROM), 0, prices[method]),
    )
    return orders, lines


def details(random: np.random.Generator, orders: Orders) -> Columns:
    """The columns of orders that nothing else depends on, and those that follow from the arrays."""
    count = len(orders.placed_at)
    return {
        "id": ids(count),
        "number": [f"T{number:08d}" for number in range(1, count + 1)],
        "customer_id": orders.customer + 1,
        "staff_id": numbers(orders.customer % STAFF_COUNT + 1, random.random(count) > 0.08),
        "shipping_address_id": orders.address + 1,
        "discount_id": numbers(orders.discount_code + 1, ~orders.has_code),
        "payment_method_id": orders.payment_method + 1,
        "shipping_method_id": orders.shipping_method + 1,
        "currency": chosen(["USD"], np.zeros(count, dtype=np.int64)),
        "items_amount": money(orders.items),
        "discount_amount": money(orders.discount),
        "tax_amount": money(orders.tax),
        "shipping_amount": money(orders.shipping),
        "total_amount": money(orders.total),
        "note": chosen(words.NOTES, random.integers(0, len(words.NOTES), count), random.random(count) > 0.05),
    }


def nearest_warehouse() -> Integers:
    """The warehouse, from 0, that serves each city: by longitude, as the crow does not fly over oceans."""
    longitude = np.array([city.longitude for city in cities()])
    return np.select([longitude < -100, longitude < -30, longitude < 60], [1, 0, 2], 3).astype(np.int64)


def _customers(random: np.random.Generator, placed_at: Integers, people: People) -> Integers:
    known = np.maximum(np.searchsorted(people.joined_at, placed_at), 1)
    # Early customers order more often; every seventeenth only looks.
    found: Integers = (known * random.random(len(placed_at)) ** 1.35).astype(np.int64)
    return np.where(found % 17 == 5, found - 1, found)


def _choices(random: np.random.Generator, placed_at: Integers, shelf: Catalogue) -> tuple[Integers, Integers, Integers]:
    """Order, product and variant of every line; no variant twice in an order."""
    line_count = random.choice(len(_LINE_COUNTS), len(placed_at), p=_LINE_COUNTS / _LINE_COUNTS.sum()) + 1
    order = np.repeat(np.arange(len(placed_at)), line_count)
    popularity = 1 / np.arange(1, len(shelf.launched_at) + 1) ** 0.8
    popularity = random.permutation(popularity)
    product = _drawn(random, popularity, len(order))
    # What was not launched yet could not be ordered: something older was.
    early = shelf.launched_at[product] >= placed_at[order]
    oldest = np.where(shelf.launched_at < placed_at[0], popularity, 0.0)
    product[early] = _drawn(random, oldest, int(early.sum()))
    variant = shelf.first_variant[product] + (random.random(len(order)) * shelf.variant_count[product]).astype(np.int64)
    _, first = np.unique(order * len(shelf.product_of) + variant, return_index=True)
    kept = np.sort(first)
    return order[kept], product[kept], variant[kept]


def _drawn(random: np.random.Generator, weight: np.ndarray[tuple[int], np.dtype[np.float64]], count: int) -> Integers:
    found: Integers = np.searchsorted(np.cumsum(weight / weight.sum()), random.random(count), side="right").astype(
        np.int64
    )
    return np.minimum(found, len(weight) - 1)


def _discounts(
    random: np.random.Generator, placed_at: Integers, items: Integers, codes: Promotions
) -> tuple[Integers, Flags, Integers]:
    """The code that each order tried, whether it held, and what it was worth."""
    code = random.integers(0, len(codes.value), len(placed_at))
    holds = (codes.started_at[code] <= placed_at) & (placed_at < codes.expired_at[code])
    has_code = holds & (random.random(len(placed_at)) < 0.55) & (items > 0)
    value = codes.value[code]
    worth = np.where(codes.is_percent[code], percent_of(items, value), np.minimum(value, items))
    return code, has_code, np.where(has_code, worth, 0)


def _by_order(order: Integers, amount: Integers, count: int) -> Integers:
    # Sums of integers: bincount's weights would be floats.
    return np.add.reduceat(amount, np.searchsorted(order, np.arange(count)))
