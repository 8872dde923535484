"""The live layer follows what happens to an order, a cart, a customer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.live.checks import assert_exact
from tests.live.rows import PLACED, address, cart, cart_id, customer, line, order, payment, places, refund, shipment
from tests.live.shop import Shop


def minutes(shop: Shop) -> list[tuple[float, ...]]:
    rows = shop.warehouse.rows(
        "select orders, counted_orders, units, revenue, net_revenue from live.sales_by_minute order by minute"
    )
    return [tuple(float(value) for value in row) for row in rows]


@pytest.fixture(params=["few", "many"])
def shop(shop: Shop, request: pytest.FixtureRequest) -> Shop:
    """With the ids written into the statements, and looked up in a table."""
    if request.param == "many":
        shop.layer.few = 0
    return shop


def test_an_order_and_its_lines_are_counted_once(shop: Shop) -> None:
    order(shop, 1)
    line(shop, 1, 1)
    shop.land()
    assert minutes(shop) == [(1, 1, 2, 25, 25)]

    order(shop, 1, status="shipped")
    line(shop, 1, 1)
    shop.land()
    assert minutes(shop) == [(1, 1, 2, 25, 25)]
    assert_exact(shop)


def test_a_cancelled_order_is_counted_no_more(shop: Shop) -> None:
    order(shop, 1)
    line(shop, 1, 1)
    shop.land()

    order(shop, 1, status="cancelled")
    shop.land()

    assert minutes(shop) == [(1, 0, 0, 0, 0)]
    assert_exact(shop)


def test_a_refund_lowers_net_revenue_and_its_deletion_raises_it(shop: Shop) -> None:
    order(shop, 1)
    payment(shop, 1, 1)
    refund(shop, 1, 1)
    shop.land()
    assert minutes(shop) == [(1, 1, 0, 25, 20)]

    shop.drop("refunds", 1)
    shop.land()
    assert minutes(shop) == [(1, 1, 0, 25, 25)]
    assert_exact(shop)


def test_a_line_that_moves_leaves_its_old_order(shop: Shop) -> None:
    order(shop, 1)
    order(shop, 2, placed_at=PLACED + timedelta(minutes=1))
    line(shop, 1, 1)
    shop.land()

    line(shop, 1, 2)
    shop.land()

    assert [row[2] for row in minutes(shop)] == [0, 2]
    assert_exact(shop)


def test_a_line_before_its_order_counts_when_the_order_comes(shop: Shop) -> None:
    line(shop, 1, 1)
    shop.land()
    assert minutes(shop) == []

    order(shop, 1)
    shop.land()

    assert minutes(shop) == [(1, 1, 2, 25, 25)]
    assert_exact(shop)


def test_an_address_after_its_order_moves_the_order_to_its_city(shop: Shop) -> None:
    places(shop)
    order(shop, 1)
    shop.land()

    address(shop, 1, 1, 2)
    shop.land()

    assert shop.warehouse.rows("select city, province, country from live.sales_by_city_and_day") == [
        ("City 2", "Province 2", "Germany")
    ]
    assert_exact(shop)


def test_a_deleted_order_leaves_nothing(shop: Shop) -> None:
    order(shop, 1)
    line(shop, 1, 1)
    shop.land()

    shop.drop("orders", 1)
    shop.drop("order_lines", 1)
    shop.land()

    assert minutes(shop) == []
    assert shop.warehouse.rows("select * from live.sales_by_product") == []
    assert_exact(shop)


@pytest.mark.parametrize("table", ["orders", "order_lines", "payments", "addresses"])
def test_a_truncated_table_empties_what_hung_on_it(shop: Shop, table: str) -> None:
    for number in (1, 2):
        order(shop, number)
        line(shop, number, number)
        payment(shop, number, number)
        address(shop, number, 1, 1)
    shop.land()

    shop.truncate(table)
    order(shop, 3)
    shop.land()

    assert_exact(shop)


def test_a_shipment_shows_how_long_it_took(shop: Shop) -> None:
    order(shop, 1)
    shipment(shop, 1, 1)
    shop.land()
    shipment(shop, 1, 1, dispatched_at=PLACED + timedelta(hours=6), completed_at=PLACED + timedelta(hours=30))
    shop.land()

    rows = shop.warehouse.rows(
        "select dispatched, completed, hours_to_dispatch, hours_to_complete from live.shipping_lag"
    )
    assert [tuple(map(float, row)) for row in rows] == [(1, 1, 6, 30)]
    assert_exact(shop)


def test_carts_stock_and_customers_follow_too(shop: Shop) -> None:
    places(shop)
    cart(shop, 1)
    shop.put("cart_lines", cart_id=cart_id(1), variant_id=1, quantity=3)
    shop.put("stock_levels", variant_id=1, warehouse_id=1, on_hand=2, low_stock_threshold=5)
    shop.put("stock_levels", variant_id=1, warehouse_id=2, on_hand=1, low_stock_threshold=5)
    customer(shop, 1)
    address(shop, 1, 1, 1)
    shop.land()
    cart(shop, 1, state="abandoned")
    shop.put("stock_levels", variant_id=1, warehouse_id=1, on_hand=-2)
    address(shop, 2, 1, 2)
    shop.land()

    query = shop.warehouse.rows
    assert query("select state, carts, units from live.carts_by_day") == [("abandoned", 1, 3)]
    assert query("select variant_id, on_hand, state from live.stock") == [(1, -1, "oversold")]
    assert query("select province, customers from live.customers_by_province") == [("Province 2", 1)]
    assert_exact(shop)


def test_a_renamed_product_touches_no_fact(shop: Shop) -> None:
    order(shop, 1)
    line(shop, 1, 1)
    shop.put("products", id=1, name="Old name")
    shop.land()

    shop.put("products", id=1, name="New name")
    assert shop.land() == 0

    assert shop.warehouse.rows("select product, units from live.sales_by_product") == [("New name", 2)]


def test_what_a_batch_says_again_changes_nothing(shop: Shop) -> None:
    order(shop, 1)
    line(shop, 1, 1)
    assert shop.land() == 2

    order(shop, 1)
    line(shop, 1, 1)

    assert shop.land() == 0
