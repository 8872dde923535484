"""A made-up store: the tables the page's panels read, with rows of our own, and landings that change them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tillstream.change import Position
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.ledger import Landing
from tillstream.web.app import create_app
from tillstream.web.live import Live
from tillstream.web.server import Server

TOKEN = "correct-horse"

SALES = "orders Int64, counted_orders Int64, units Int64, revenue Decimal(38, 2)"

TABLES = {
    "live.sales_by_minute": f"minute DateTime('UTC'), currency LowCardinality(String), {SALES}",
    "live.sales_by_product_and_day": "day Date, product_id Int64, product String, currency LowCardinality(String), "
    "units Int64, revenue Decimal(38, 2)",
    "live.sales_by_category": "category_id Int64, category String, currency LowCardinality(String), units Int64, "
    "revenue Decimal(38, 2)",
    "live.sales_by_city_and_day": "day Date, city_id Int64, city String, country String, latitude Decimal(9, 6), "
    f"longitude Decimal(9, 6), currency LowCardinality(String), {SALES}",
    "live.order_funnel": "currency LowCardinality(String), placed Int64, paid Int64, shipped Int64, delivered Int64, "
    "returned Int64, refunded Int64, cancelled Int64, payment_failed Int64",
    "live.stock": "variant_id Int64, sku String, product String, variant String, state String, on_hand Int64",
    "facts.fct_registrations": "customer_id Int64, registered_at DateTime64(6, 'UTC'), sign Int64",
    "facts.fct_orders": "order_id Int64, city_id Int64, status LowCardinality(String), "
    "currency LowCardinality(String), units Int64, total_amount Decimal(18, 2), placed_at DateTime64(6, 'UTC'), "
    "sign Int64, is_counted Bool default status != 'placed'",
    "store.cities": "city_id Int64, city String",
}

ORDER_COLUMNS = "(order_id, city_id, status, currency, units, total_amount, placed_at, sign)"

PRODUCTS = ["Field jacket", "Wool beanie", "Trail shoe", "Canvas tote", "Rain shell", "Linen shirt", "Day pack", "Mug",
            "Cord cap", "Long socks"]  # fmt: skip
CITIES = ["Lisbon", "Osaka", "Lyon", "Portland", "São Paulo", "Kraków", "Leeds", "Graz", "Turin"]
COUNTRIES = ["Portugal", "Japan", "France", "United States", "Brazil", "Poland", "United Kingdom", "Austria", "Italy"]
LATITUDES = [38.7, 34.7, 45.8, 45.5, -23.5, 50.1, 53.8, 47.1, 45.1]
LONGITUDES = [-9.1, 135.5, 4.8, -122.7, -46.6, 19.9, -1.5, 15.4, 7.7]


def status() -> dict[str, Any]:
    """A pipeline that is live, as `Status.as_json` tells it."""
    return {
        "phase": "live",
        "source": "shop",
        "snapshot_fraction": 1.0,
        "tables": [],
        "trouble": None,
        "lag": {"behind_bytes": 0, "retained_bytes": 16_000_000, "budget_bytes": None, "slot_state": "reserved"},
        "numbers": {"batches": 12, "changes": 3400, "transactions": 900, "snapshot_rows": 120_000,
                    "changes_per_second": 42.0, "freshness_p50_ms": 120.0, "freshness_p99_ms": 410.0,
                    "per_second": [abs(second % 17 - 8) * 9 for second in range(60)]},
    }  # fmt: skip


@dataclass
class Shop:
    """The store's warehouse with a page in front of it."""

    warehouse: Warehouse
    status: dict[str, Any] = field(default_factory=status)
    url: str = ""
    _number: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, port: int = 0) -> None:
        """Start a server, on the same port again if it is given."""
        self.live = Live(self.warehouse, lambda: self.status)
        self.server = Server(create_app(self.warehouse, TOKEN, self.live), port=port)
        self.url = self.server.start()

    def sell(self, amount: str, units: int = 1) -> None:
        """Place and pay an order in this very minute, and land it."""
        with self._lock:
            self._number += 1
            order = 1_000_000 + self._number
            now = datetime.now(UTC)
            self._insert("live.sales_by_minute", f"(toStartOfMinute(now('UTC')), 'USD', 1, 1, {units}, {amount})")
            self._insert("live.order_funnel", "('USD', 1, 1, 0, 0, 0, 0, 0, 0)")
            values = f"({order}, {order % 9}, 'paid', 'USD', {units}, {amount}, now64(6, 'UTC'), 1)"
            self._insert(f"facts.fct_orders {ORDER_COLUMNS}", values)
            self._insert("live.sales_by_product_and_day", f"(today(), 0, 'Field jacket', 'USD', {units}, {amount})")
            position = Position(self._number)
            self.live.landed(Landing("shop", self._number, position, {"orders": 1}, 1, now, now, datetime.now(UTC)))

    def empty(self) -> None:
        """Take every row away."""
        for table in TABLES:
            self.warehouse.execute(f"truncate table {table}")

    def fill(self) -> None:
        """Two days of made-up sales."""
        self._insert("store.cities", ", ".join(f"({place}, '{city}')" for place, city in enumerate(CITIES)))
        for table, select in _HISTORY.items():
            columns = ORDER_COLUMNS if table == "facts.fct_orders" else ""
            self.warehouse.execute(f"insert into {table} {columns} {select}")

    def _insert(self, table: str, values: str) -> None:
        self.warehouse.execute(f"insert into {table} values {values}")


def open_shop(folder: Path) -> Shop:
    """The tables, empty; nothing is served yet."""
    warehouse = Warehouse(f"chdb://{folder}")
    for database in ("live", "facts", "store"):
        warehouse.execute(f"create database if not exists {database}")
    for table, columns in TABLES.items():
        warehouse.execute(f"create table if not exists {table} ({columns}) order by tuple()")
    return Shop(warehouse)


def _chosen(texts: list[str], number: str) -> str:
    listed = ", ".join(f"'{text}'" for text in texts)
    return f"arrayElement([{listed}], {number} + 1)"


_HISTORY = {
    "live.sales_by_minute": """
        select toStartOfMinute(now('UTC')) - interval number + 1 minute, 'USD', n, n - n % 2, n * 3,
            toDecimal64(n * 41.5 + number % 7, 2)
        from (select number, 3 + toInt64(4 * (1 + sin(number / 9))) + number % 3 as n from numbers(2880))""",
    "live.sales_by_product_and_day": f"""
        select today() - intDiv(number, 10), number % 10, {_chosen(PRODUCTS, "number % 10")}, 'USD', 40 - number % 10,
            toDecimal64(9000.5 / (1 + number % 10), 2) from numbers(60)""",
    "live.sales_by_category": f"""
        select number, {_chosen(["Outdoor", "Clothing", "Shoes", "Home", "Bags", "Gifts"], "number")}, 'USD', 90,
            toDecimal64(81000.25 / (1.5 + number), 2) from numbers(6)""",
    "live.sales_by_city_and_day": f"""
        select today() - intDiv(number, 9), number % 9, {_chosen(CITIES, "number % 9")},
            {_chosen(COUNTRIES, "number % 9")}, arrayElement({LATITUDES}, number % 9 + 1),
            arrayElement({LONGITUDES}, number % 9 + 1), 'USD', 9, 8, 30,
            toDecimal64(4100.75 / (1 + number % 9), 2) from numbers(45)""",
    "live.order_funnel": "select 'USD', 12480, 11712, 10961, 10216, 207, 31, 415, 322",
    "live.stock": f"""
        select number, concat('SKU-', toString(4100 + number)), {_chosen(PRODUCTS, "number % 10")},
            {_chosen(["S", "M", "L"], "number % 3")},
            multiIf(number < 3, 'oversold', number < 14, 'sold out', 'in stock'),
            multiIf(number < 3, number - 3, number < 14, 0, number)
        from numbers(20)""",
    "facts.fct_registrations": """
        select number, now64(6, 'UTC') - interval if(number < 31, 0, 86400) second, 1 from numbers(66)""",
    "facts.fct_orders": """
        select 1000 + number, number % 9,
            ['placed', 'paid', 'shipped', 'delivered', 'cancelled', 'payment_failed', 'returned'][1 + number % 7],
            'USD', 1 + number % 4, toDecimal64(19.9 + number * 3.35, 2),
            now64(6, 'UTC') - interval 700 - number * 13 second, 1
        from numbers(40)""",
}
