"""The twelve rollups of a web shop's dashboard say what plain SQL over the store's rows says."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.live import rows
from tests.live.checks import assert_exact
from tests.live.histories import STATUSES
from tests.live.shop import Shop, Texts

COUNTED = {"paid", "shipped", "delivered", "returned", "refunded"}
Answer = dict[Any, Any]


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """Two months of sixty orders, in three batches; afterwards a third of them changed."""
    chance = random.Random(20260301)
    rows.places(shop)
    rows.catalogue(shop)
    for number in range(1, 9):
        rows.customer(shop, number, created_at=rows.PLACED + timedelta(days=number * 6))
        rows.address(shop, number, number, number % 2 + 1)
    for number in range(1, 61):
        _order(shop, chance, number)
        if number % 20 == 0:
            shop.land()
    for number in chance.sample(range(1, 61), 20):
        shop.put("orders", id=number, status=chance.choice(STATUSES))
    shop.land()
    return shop


def _order(shop: Shop, chance: random.Random, number: int) -> None:
    placed = rows.PLACED + timedelta(days=chance.randrange(60), minutes=chance.randrange(600))
    person = chance.randint(1, 8)
    total = Decimal("3.00")
    for place in range(chance.randint(1, 3)):
        quantity = chance.randint(1, 4)
        price = Decimal(chance.randint(100, 9_999)) / 100
        total += quantity * price
        rows.line(
            shop,
            number * 10 + place,
            number,
            product_id=chance.randint(1, 3),
            quantity=quantity,
            unit_price=price,
            total_amount=quantity * price,
        )
    rows.order(
        shop,
        number,
        customer_id=person,
        shipping_address_id=person,
        payment_method_id=chance.randint(1, 2),
        shipping_method_id=chance.randint(1, 2),
        status=chance.choice(STATUSES),
        total_amount=total,
        placed_at=placed,
    )


class Truth:
    """What the store's rows say, worked out row by row."""

    def __init__(self, shop: Shop) -> None:
        self.rows = {table: list(content.values()) for table, content in shop.rows.items()}
        self.orders = {order["id"]: order for order in self.rows["orders"]}
        self.sold = [order for order in self.rows["orders"] if order["status"] in COUNTED]
        self.lines = [line for line in self.rows["order_lines"] if self.orders[line["order_id"]]["status"] in COUNTED]

    def by_product(self, key: Callable[[Texts], str]) -> Answer:
        """Units and revenue of the lines of orders that count, by something of the product."""
        products = {product["id"]: product for product in self.rows["products"]}
        totals: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
        for line in self.lines:
            total = totals[key(products[line["product_id"]])]
            total[0] += Decimal(line["quantity"] or 0)
            total[1] += Decimal(line["total_amount"] or 0)
        return {name: tuple(total) for name, total in totals.items()}

    def city(self, order: Texts) -> str:
        """The name of the city an order goes to."""
        address = next(one for one in self.rows["addresses"] if one["id"] == order["shipping_address_id"])
        return self.place("cities", address["city_id"])

    def place(self, table: str, number: str | None) -> str:
        """The name of a row."""
        return str(next(row["name"] for row in self.rows[table] if row["id"] == number))

    def orders_by(self, key: Callable[[Texts], Any]) -> Answer:
        """Orders that count, and what they brought in."""
        counts: Counter[Any] = Counter()
        revenue: dict[Any, Decimal] = defaultdict(Decimal)
        for order in self.sold:
            counts[key(order)] += 1
            revenue[key(order)] += Decimal(order["total_amount"] or 0)
        return {name: (count, revenue[name]) for name, count in counts.items()}


def day(row: Texts, column: str = "placed_at") -> str:
    return str(datetime.fromisoformat(row[column] or "").date())


def month(row: Texts, column: str = "placed_at") -> str:
    return day(row, column)[:8] + "01"


SALES = "counted_orders, revenue"
ROLLUPS: dict[str, tuple[str, Callable[[Truth], Answer]]] = {
    "revenue per product": (
        "select product, units, revenue from live.sales_by_product where counted_lines > 0",
        lambda truth: truth.by_product(lambda product: str(product["name"])),
    ),
    "orders by status and month": (
        "select (toString(month), status), orders from live.order_status_by_month",
        lambda truth: dict(Counter((month(order), order["status"]) for order in truth.rows["orders"])),
    ),
    "registrations per day": (
        "select toString(day), customers from live.registrations_by_day",
        lambda truth: dict(Counter(day(person, "created_at") for person in truth.rows["customers"])),
    ),
    "registrations per month": (
        "select toString(month), customers from live.registrations_by_month",
        lambda truth: dict(Counter(month(person, "created_at") for person in truth.rows["customers"])),
    ),
    "orders by city and day": (
        f"select (city, toString(day)), {SALES} from live.sales_by_city_and_day where counted_orders > 0",
        lambda truth: truth.orders_by(lambda order: (truth.city(order), day(order))),
    ),
    "sales per category": (
        "select category, units, revenue from live.sales_by_category where counted_lines > 0",
        lambda truth: truth.by_product(lambda product: truth.place("categories", product["category_id"])),
    ),
    "sales per customer": (
        f"select customer, {SALES} from live.sales_by_customer where counted_orders > 0",
        lambda truth: truth.orders_by(lambda order: f"Customer {order['customer_id']}"),
    ),
    "products per brand": (
        "select brand, products from live.products_by_brand",
        lambda truth: dict(Counter(truth.place("brands", product["brand_id"]) for product in truth.rows["products"])),
    ),
    "orders per shipping method": (
        f"select shipping_method, {SALES} from live.orders_by_shipping_method where counted_orders > 0",
        lambda truth: truth.orders_by(lambda order: f"Ship {order['shipping_method_id']}"),
    ),
    "orders per payment method": (
        f"select payment_method, {SALES} from live.orders_by_payment_method where counted_orders > 0",
        lambda truth: truth.orders_by(lambda order: f"Pay {order['payment_method_id']}"),
    ),
    "customers per province": (
        "select province, customers from live.customers_by_province",
        lambda truth: dict(Counter(f"Province {address['city_id']}" for address in truth.rows["addresses"])),
    ),
    "units per city": (
        "select city, toDecimal64(units, 2) from live.units_by_city",
        lambda truth: _units_by_city(truth),
    ),
}


def _units_by_city(truth: Truth) -> Answer:
    units: dict[str, Decimal] = defaultdict(Decimal)
    for line in truth.lines:
        units[truth.city(truth.orders[line["order_id"]])] += Decimal(line["quantity"] or 0)
    return dict(units)


def test_the_twelve_rollups_say_what_the_rows_say(shop: Shop) -> None:
    assert_exact(shop)
    truth = Truth(shop)
    for name, (query, expected) in ROLLUPS.items():
        found = {row[0]: row[1] if len(row) == 2 else tuple(row[1:]) for row in shop.warehouse.rows(query)}
        assert found == expected(truth), name


def test_views_that_go_together_add_up(shop: Shop) -> None:
    def total(relation: str, column: str) -> Decimal:
        return Decimal(shop.warehouse.value(f"select sum({column}) from live.{relation}"))

    revenue = total("sales_by_minute", "revenue")
    for relation in (
        "sales_by_day",
        "sales_by_customer",
        "sales_by_city_and_day",
        "sales_by_province",
        "sales_by_country",
        "order_status_by_month",
        "orders_by_payment_method",
        "orders_by_shipping_method",
    ):
        assert total(relation, "revenue") == revenue, relation
    line_revenue = total("sales_by_product", "revenue")
    for relation in ("sales_by_product_and_day", "sales_by_category", "sales_by_brand", "sales_by_vendor"):
        assert total(relation, "revenue") == line_revenue, relation
    assert revenue == line_revenue + 3 * total("sales_by_minute", "counted_orders")
    assert total("order_funnel", "placed") == total("order_states", "orders") == 60
    assert total("shipping_days", "orders") == total("order_funnel", "paid")


def test_every_view_can_be_read(shop: Shop) -> None:
    views = shop.warehouse.rows("select database, name from system.tables where engine = 'View'")
    for database, name in views:
        if database in ("store", "live"):
            shop.warehouse.execute(f"select * from {database}.{name} format Null")
