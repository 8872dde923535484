"""A made-up store behind the page: one for all tests of a module, as new for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.services.browser import Visitor
from tests.web.shop import Shop, open_shop, status


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = open_shop(tmp_path_factory.mktemp("browser") / "warehouse")
    yield shop
    shop.warehouse.close()


@pytest.fixture
def shop(opened: Shop) -> Iterator[Shop]:
    """Two days of sales, and nothing of the test before."""
    opened.empty()
    opened.fill()
    opened.status = status()
    opened.serve()
    yield opened
    opened.server.stop()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    visitor = Visitor(browser)
    yield visitor
    visitor.close()


@pytest.fixture
def open_page(visitor: Visitor, shop: Shop) -> Callable[..., Page]:
    """Opens the store's page and waits for its numbers."""

    def open_one(**look: object) -> Page:
        page = visitor.open(shop.url, **look)  # type: ignore[arg-type]  # what Visitor.open takes
        page.wait_for_selector("body:not(.loading) #figures [data-key=orders]")
        return page

    return open_one
