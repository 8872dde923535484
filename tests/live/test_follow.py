"""The live layer follows single changes."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.live.checks import assert_exact
from tests.live.shop import Shop

PLACED = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)


def order(shop: Shop, number: int, **values: object) -> None:
    """An order of two pieces of product 1 for 20.00, with tax and shipping 25.00 in all."""
    shop.put(
        "orders",
        **{
            "id": number,
            "number": f"A{number}",
            "customer_id": 1,
            "shipping_address_id": 1,
            "payment_method_id": 1,
            "shipping_method_id": 1,
            "status": "paid",
            "payment_status": "completed",
            "shipping_status": "pending",
            "currency": "USD",
            "items_amount": "20.00",
            "discount_amount": "0.00",
            "tax_amount": "2.00",
            "shipping_amount": "3.00",
            "total_amount": "25.00",
            "placed_at": PLACED,
            **values,
        },
    )


def line(shop: Shop, number: int, order_number: int, **values: object) -> None:
    """A line of two pieces for 20.00, with tax 22.00."""
    shop.put(
        "order_lines",
        **{
            "id": number,
            "order_id": order_number,
            "line_number": number,
            "product_id": 1,
            "variant_id": 1,
            "quantity": 2,
            "unit_price": "10.00",
            "gross_amount": "20.00",
            "discount_amount": "0.00",
            "tax_amount": "2.00",
            "total_amount": "22.00",
            **values,
        },
    )


def minute(shop: Shop) -> list[tuple[object, ...]]:
    rows = shop.warehouse.rows("select orders, counted_orders, units, revenue, net_revenue from live.sales_by_minute")
    return [tuple(float(value) for value in row) for row in rows]


def test_an_order_and_its_lines_are_counted_once(shop: Shop) -> None:
    order(shop, 1)
    line(shop, 1, 1)
    shop.land()

    assert minute(shop) == [(1, 1, 2, 25, 25)]
    assert_exact(shop)


def test_a_cancelled_order_is_counted_no_more(shop: Shop) -> None:
    order(shop, 1)
    line(shop, 1, 1)
    shop.land()
    order(shop, 1, status="cancelled")
    shop.land()

    assert minute(shop) == [(1, 0, 0, 0, 0)]
    assert_exact(shop)
