"""Every tile of the page says what the store says, and goes on saying it while the store lives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page

from tests.integration.tiles import in_the_store, on_the_page
from tests.integration.whole import Whole
from tests.live.shop import Shop
from tests.services.browser import Visitor
from tests.services.postgres import Database
from tillstream.flow.pump import Watcher
from tillstream.ledger import Landing
from tillstream.simulate.history import Sizes, load_history
from tillstream.web.app import create_app
from tillstream.web.live import Live
from tillstream.web.server import Server

DEADLINE = 60.0
SIZES = Sizes(customers=60, products=30, orders=300, days=20)


class Telling(Watcher):
    """Tells the page of every landing."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def landed(self, landing: Landing) -> None:
        self._live.landed(landing)


@dataclass
class Shown:
    """A living store and its page."""

    whole: Whole
    page: Page

    def agree(self) -> None:
        """Wait until every tile equals a query on the store; the tiles that do not are told."""
        deadline = time.monotonic() + DEADLINE
        while True:
            expected, found = in_the_store(self.whole.store), on_the_page(self.page)
            different = {name: (found.get(name), value) for name, value in expected.items() if found.get(name) != value}
            if not different:
                return
            assert time.monotonic() < deadline, f"(page, store): {different}"
            self.page.wait_for_timeout(100)


@pytest.fixture
def shown(database: Database, shop: Shop, browser: Browser) -> Iterator[Shown]:
    live = Live(shop.warehouse)
    whole = Whole(database, shop, Telling(live))
    server = Server(create_app(shop.warehouse, "token", live))
    visitor = Visitor(browser)
    whole.start()
    try:
        whole.settle()
        load_history(database.url, SIZES, 7, datetime.now(UTC))
        page = visitor.open(server.start())
        page.emulate_media(reduced_motion="reduce")
        yield Shown(whole, page)
        visitor.close()
    finally:
        whole.stop()
        server.stop()


COPY = (
    "insert into orders (number, customer_id, shipping_address_id, payment_method_id, shipping_method_id, status,"
    " currency, items_amount, discount_amount, tax_amount, shipping_amount, total_amount, placed_at)"
    " select 'NEW-' || id, customer_id, shipping_address_id, payment_method_id, shipping_method_id, '{state}',"
    " currency, items_amount, discount_amount, tax_amount, shipping_amount, total_amount, now()"
    " from orders order by id limit {count}"
)
LINES = (
    "insert into order_lines (order_id, line_number, product_id, variant_id, quantity, unit_price, gross_amount,"
    " discount_amount, tax_amount, total_amount)"
    " select n.id, l.line_number, l.product_id, l.variant_id, l.quantity, l.unit_price, l.gross_amount,"
    " l.discount_amount, l.tax_amount, l.total_amount from orders n join orders o on n.number = 'NEW-' || o.id"
    " join order_lines l on l.order_id = o.id"
    " where not exists (select from order_lines x where x.order_id = n.id)"
)


def test_every_tile_equals_the_store_through_its_whole_life(shown: Shown) -> None:
    whole = shown.whole
    shown.agree()
    before = on_the_page(shown.page)

    whole.transaction(COPY.format(state="paid", count=12), LINES)
    whole.transaction(
        "insert into customers (email, full_name, password_hash) values ('new@example.org', 'N', 'x')",
        "update stock_levels set on_hand = 0 where variant_id = (select max(variant_id) from stock_levels)",
        "update orders set status = 'cancelled' where number like 'NEW-%' and id % 3 = 0",
        "update orders set status = 'delivered' where number like 'NEW-%' and id % 3 = 1",
    )
    shown.agree()
    after = on_the_page(shown.page)
    # How many cities there are need not change.
    assert [name for name in before if before[name] == after[name] and name != "circles"] == []

    whole.transaction("update products set name = 'Renamed' where id = (select min(product_id) from order_lines)")
    whole.transaction("delete from orders where id in (select max(id) from orders where number like 'NEW-%')")
    whole.transaction("update orders set status = 'refunded' where number like 'NEW-%' and status = 'delivered'")
    shown.agree()
