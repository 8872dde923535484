"""Rows of the demo store, complete but for what a test wants to say of them."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.live.shop import Shop

PLACED = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)


def order(shop: Shop, number: int, **values: object) -> None:
    """An order of two pieces of product 1 for 20.00, with tax and shipping 25.00 in all."""
    complete: dict[str, object] = {
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
    }
    shop.put("orders", **{**complete, **values})


def line(shop: Shop, number: int, order_number: int, **values: object) -> None:
    """A line of two pieces for 20.00, with tax 22.00."""
    complete: dict[str, object] = {
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
    }
    shop.put("order_lines", **{**complete, **values})


def payment(shop: Shop, number: int, order_number: int, **values: object) -> None:
    """The 25.00 of an order, paid."""
    complete = {"id": number, "order_id": order_number, "payment_method_id": 1, "status": "completed", "amount": "25"}
    shop.put("payments", **{**complete, **values})


def refund(shop: Shop, number: int, order_number: int, **values: object) -> None:
    """5.00 given back."""
    complete = {"id": number, "order_id": order_number, "payment_id": 1, "reason": "late", "amount": "5.00"}
    shop.put("refunds", **{**complete, "completed": True, **values})


def shipment(shop: Shop, number: int, order_number: int, **values: object) -> None:
    """A parcel that has not left yet."""
    complete = {"id": number, "order_id": order_number, "warehouse_id": 1, "shipping_method_id": 1, "cost": "2.00"}
    shop.put("shipments", **{**complete, "status": "pending", **values})


def address(shop: Shop, number: int, customer: int, city: int, **values: object) -> None:
    """Where a customer lives."""
    complete = {"id": number, "customer_id": customer, "city_id": city, "street": "x", "postal_code": "1"}
    shop.put("addresses", **{**complete, "is_default": True, **values})


def customer(shop: Shop, number: int, **values: object) -> None:
    """Somebody who signed up when the first order was placed."""
    complete = {"id": number, "email": f"{number}@x", "full_name": f"Customer {number}", "created_at": PLACED}
    shop.put("customers", **{**complete, "accepts_marketing": False, **values})


def cart(shop: Shop, number: int, **values: object) -> None:
    """An open cart."""
    shop.put("carts", **{"id": cart_id(number), "customer_id": 1, "state": "open", "created_at": PLACED, **values})


def cart_id(number: int) -> str:
    """The uuid of a numbered cart."""
    return f"00000000-0000-0000-0000-{number:012d}"


def places(shop: Shop) -> None:
    """Two cities in two provinces of one country."""
    shop.put("countries", code="DE", name="Germany")
    for number in (1, 2):
        shop.put("provinces", id=number, country_code="DE", name=f"Province {number}")
        shop.put("cities", id=number, province_id=number, name=f"City {number}", latitude="50.1", longitude="8.6")


def catalogue(shop: Shop) -> None:
    """Three products of two brands, two categories in a tree and one vendor; methods to pay and to ship."""
    shop.put("vendors", id=1, name="Vendor", country_code="DE", email="v@x")
    shop.put("categories", id=1, name="All", slug="all")
    shop.put("categories", id=2, parent_id=1, name="Some", slug="some")
    for number in (1, 2):
        shop.put("brands", id=number, name=f"Brand {number}")
        shop.put("payment_methods", id=number, name=f"Pay {number}")
        shop.put("shipping_methods", id=number, name=f"Ship {number}", price="3.00")
    for number in (1, 2, 3):
        shop.put(
            "products",
            id=number,
            category_id=number % 2 + 1,
            brand_id=number % 2 + 1,
            vendor_id=1,
            name=f"Product {number}",
            status="active",
            tax_rate="0.1",
        )
        shop.put("variants", id=number, product_id=number, sku=f"S{number}", title="one", price="10.00", cost="5.00")
