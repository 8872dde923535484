"""Random histories of a store: lists of batches, each a list of small steps. Ids are few, so that steps meet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st

from tests.live import rows
from tests.live.shop import Shop

Step = Callable[[Shop], None]
STATUSES = ("placed", "paid", "payment_failed", "cancelled", "shipped", "delivered", "returned", "refunded")

ids = st.integers(1, 4)
cents = st.decimals(Decimal(0), Decimal("999.99"), places=2)
moments = st.integers(0, 3).map(lambda hours: rows.PLACED + timedelta(hours=hours * 20))


def _order(number: int, status: str, parent: int, amount: Decimal, placed: object) -> Step:
    values = {"status": status, "shipping_address_id": parent, "customer_id": parent, "total_amount": amount}
    return lambda shop: rows.order(shop, number, **values, placed_at=placed, payment_method_id=parent)


def _line(number: int, parent: int, product: int, quantity: int, amount: Decimal) -> Step:
    values = {"product_id": product, "quantity": quantity, "total_amount": amount}
    return lambda shop: rows.line(shop, number, parent, **values)


def _payment(number: int, parent: int, status: str, amount: Decimal) -> Step:
    return lambda shop: rows.payment(shop, number, parent, status=status, amount=amount)


def _refund(number: int, parent: int, amount: Decimal, completed: bool) -> Step:
    return lambda shop: rows.refund(shop, number, parent, amount=amount, completed=completed)


def _shipment(number: int, parent: int, dispatched: object, completed: object) -> Step:
    return lambda shop: rows.shipment(shop, number, parent, dispatched_at=dispatched, completed_at=completed)


def _address(number: int, parent: int, city: int, default: bool) -> Step:
    return lambda shop: rows.address(shop, number, parent, city, is_default=default)


def _customer(number: int, created: object) -> Step:
    return lambda shop: rows.customer(shop, number, created_at=created)


def _cart(number: int, state: str, variant: int, quantity: int) -> Step:
    def step(shop: Shop) -> None:
        rows.cart(shop, number, state=state)
        shop.put("cart_lines", cart_id=rows.cart_id(number), variant_id=variant, quantity=quantity)

    return step


def _stock(variant: int, warehouse: int, on_hand: int) -> Step:
    values = {"variant_id": variant, "warehouse_id": warehouse, "on_hand": on_hand, "low_stock_threshold": 3}
    return lambda shop: shop.put("stock_levels", **values)


def _drop(table: str, number: int) -> Step:
    return lambda shop: shop.drop(table, rows.cart_id(number) if table == "carts" else number)


def _truncate(table: str) -> Step:
    return lambda shop: shop.truncate(table)


def _commit(shop: Shop) -> None:
    shop.commit()


dropped = st.sampled_from(
    ["orders", "order_lines", "payments", "refunds", "shipments", "addresses", "customers", "carts"]
)
emptied = st.sampled_from(["orders", "order_lines", "payments", "addresses", "stock_levels", "cart_lines"])
quantities = st.integers(1, 5)

steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(_order, ids, st.sampled_from(STATUSES), ids, cents, moments),
    st.builds(_line, ids, ids, ids, quantities, cents),
    st.builds(_payment, ids, ids, st.sampled_from(["pending", "completed", "failed"]), cents),
    st.builds(_refund, ids, ids, cents, st.booleans()),
    st.builds(_shipment, ids, ids, st.none() | moments, st.none() | moments),
    st.builds(_address, ids, ids, ids, st.booleans()),
    st.builds(_customer, ids, moments),
    st.builds(_cart, ids, st.sampled_from(["open", "ordered", "abandoned"]), ids, quantities),
    st.builds(_stock, ids, ids, st.integers(-3, 9)),
    st.builds(_drop, dropped, ids),
    st.builds(_truncate, emptied),
    st.just(_commit),
)
batches = st.lists(st.lists(steps, min_size=1, max_size=12), min_size=1, max_size=6)


def play(shop: Shop, batch: list[Step]) -> None:
    """Do a batch's steps; nothing lands yet."""
    for step in batch:
        step(shop)
