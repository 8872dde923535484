"""A real Chromium, and a made-up store behind the page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.web.shop import Shop, open_shop

# A busy machine takes its time; what is expected still comes.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)


def chromium() -> str:
    """The browser's program: the environment's choice, or the one on the path."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no Chromium: install one, or set CHROMIUM to its path")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = open_shop(tmp_path / "warehouse")
    shop.fill()
    shop.serve()
    yield shop
    shop.server.stop()
    shop.warehouse.close()


@pytest.fixture
def open_page(browser: Browser, shop: Shop) -> Iterator[Callable[..., Page]]:
    """Opens the page; at the end of the test no script may have failed and nobody else been asked."""
    complaints: list[str] = []
    pages: list[Page] = []

    def open_one(width: int = 1360, height: int = 900, color_scheme: str = "light") -> Page:
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=color_scheme)  # type: ignore[arg-type]  # a literal
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type == "error" and "ERR_" not in said.text else None,
        )
        page.on("request", lambda asked: complaints.append(asked.url) if not asked.url.startswith(shop.url) else None)
        page.goto(shop.url)
        page.wait_for_selector("#figures [data-key=orders]")
        pages.append(page)
        return page

    yield open_one
    for page in pages:
        page.close()
    assert complaints == []
