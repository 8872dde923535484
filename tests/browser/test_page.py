"""What a person sees, read off the page in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.web.shop import Shop
from tillstream.web.app import STATIC

Open = Callable[..., Page]
OUTLINES = STATIC / "vendor"


def figure(page: Page, name: str) -> float:
    """A number from the row of figures, once it has stopped ticking."""
    value = page.locator(f"#figures [data-key={name}] .value")
    expect(value).to_have_text(re.compile(r"\d"))
    page.wait_for_timeout(600)
    return float(re.sub(r"[^\d.]", "", value.inner_text()))


def wait_for_figure(page: Page, name: str, expected: float) -> None:
    page.wait_for_function(
        """([name, expected]) => {
            const text = document.querySelector(`#figures [data-key=${name}] .value`)?.textContent ?? "";
            return Number(text.replace(/[^0-9.]/g, "")) === expected;
        }""",
        arg=[name, expected],
    )


def test_numbers_change_when_a_batch_lands(open_page: Open, shop: Shop) -> None:
    page = open_page()
    orders, revenue = figure(page, "orders"), figure(page, "revenue")
    shop.sell("1234.50")
    wait_for_figure(page, "orders", orders + 1)
    wait_for_figure(page, "revenue", round(revenue + 1234.50, 2))
    newest = page.locator("#orders tr").first
    expect(newest).to_contain_text("$1,234.50")
    expect(newest).to_contain_text("paid")
    expect(page.locator("#fresh")).to_have_text(re.compile(r"^\d.* s$"))


def test_products_change_places_when_one_overtakes(open_page: Open, shop: Shop) -> None:
    page = open_page()
    first = page.locator("#products li").first
    expect(first).to_contain_text("Field jacket")
    shop.warehouse.execute(
        "insert into live.sales_by_product_and_day values (today(), 3, 'Canvas tote', 'USD', 9, 90000)"
    )
    shop.sell("1.00")
    expect(first).to_contain_text("Canvas tote")


def test_a_lost_connection_is_said_and_the_page_comes_back_by_itself_without_a_gap(open_page: Open, shop: Shop) -> None:
    page = open_page()
    orders = figure(page, "orders")
    port = int(shop.url.rpartition(":")[2])
    shop.server.stop()
    expect(page.locator("#lost")).to_be_visible()
    expect(page.locator("#pill")).to_contain_text("Connection lost")
    shop.sell("4321.00")
    shop.serve(port)
    expect(page.locator("#lost")).to_be_hidden()
    expect(page.locator("#pill")).to_contain_text("Live")
    wait_for_figure(page, "orders", orders + 1)
    expect(page.locator("#orders")).to_contain_text("$4,321.00")
    shop.sell("10.00")
    wait_for_figure(page, "orders", orders + 2)


def test_an_empty_store_says_so_until_the_first_order(open_page: Open, shop: Shop) -> None:
    shop.empty()
    page = open_page()
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#products")).to_contain_text("No sales yet.")
    expect(page.locator("#orders")).to_contain_text("No orders yet.")
    shop.sell("42.00")
    expect(page.locator("#empty")).to_be_hidden()
    expect(page.locator("#orders tr")).to_have_count(1)
    wait_for_figure(page, "revenue", 42)


@pytest.mark.parametrize("width", [1440, 1024, 768, 390, 360, 320])
def test_nothing_is_wider_than_the_screen(open_page: Open, shop: Shop, width: int) -> None:
    shop.sell("123456789.99")
    page = open_page(width=width, height=844)
    expect(page.locator("#orders tr").first).to_contain_text("$123,456,789.99")
    figure(page, "revenue")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = page.evaluate(
        """() => [...document.querySelectorAll(".figure .value, .card h2, .amount, .facts dd")]
            .filter((each) => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display !== "inline")
            .map((each) => each.textContent)"""
    )
    assert cut == []


def test_history_shows_its_progress(open_page: Open, shop: Shop) -> None:
    shop.status.update(
        phase="snapshot",
        snapshot_fraction=0.63,
        tables=[{"name": "order_lines", "rows": 630, "expected": 1000, "fraction": 0.63}],
    )
    page = open_page()
    expect(page.locator("#pill")).to_contain_text("Copying history 63%")
    assert page.locator("#copying-bar").get_attribute("value") == "0.63"
    expect(page.locator("#copying-tables")).to_contain_text("order lines")
    shop.status.update(phase="deploying models")
    expect(page.locator("#copying")).to_contain_text("Building the models")
    shop.status.update(phase="live")
    expect(page.locator("#copying")).to_be_hidden()


def test_trouble_is_told_with_its_hint_and_ends(open_page: Open, shop: Shop) -> None:
    page = open_page()
    shop.status.update(
        phase="trouble",
        trouble={"message": "no connection to the source", "detail": "refused", "hint": "Start it.", "since": None},
    )
    expect(page.locator("#trouble")).to_contain_text("no connection to the source")
    expect(page.locator("#trouble")).to_contain_text("Start it.")
    shop.status.update(phase="live", trouble=None)
    expect(page.locator("#trouble")).to_be_hidden()


def test_the_proof_is_as_the_last_verification_said(open_page: Open, shop: Shop) -> None:
    page = open_page()
    expect(page.locator("#proof")).to_contain_text("Not verified yet")
    report = {"exact": True, "started_at": "2026-11-21T10:00:00+00:00", "seconds": 1.0,
              "tables": [{"layer": "live", "table": "stock", "exact": True, "rows": 1234}]}  # fmt: skip
    shop.live.verified(report)
    expect(page.locator("#proof")).to_contain_text("1,234 rows in 1 tables")
    shop.live.verified({**report, "exact": False, "tables": [{**report["tables"][0], "exact": False}]})  # type: ignore[index]  # a list
    expect(page.locator("#proof")).to_contain_text("live.stock")


def test_a_number_tells_its_story_by_keyboard_alone(open_page: Open) -> None:
    page = open_page()
    figure(page, "orders")
    opener = page.get_by_role("button", name="The story of Revenue per minute")
    opener.focus()
    page.keyboard.press("Enter")
    story = page.locator("#story")
    expect(story).to_contain_text("from live.sales_by_minute")
    expect(story).to_contain_text("Nobody has verified this store yet")
    page.keyboard.press("Escape")
    expect(story).to_be_hidden()
    expect(opener).to_be_focused()
    page.locator("#revenue").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#revenue .tip")).to_contain_text("orders")
    page.locator("#map").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#map .tip")).to_contain_text("orders")


@pytest.mark.parametrize("width", [1360, 390])
def test_a_click_on_a_tile_tells_its_story(open_page: Open, shop: Shop, width: int) -> None:
    shop.sell("88.80")
    shop.live.verified({"exact": True, "started_at": "2026-11-21T10:00:00+00:00", "seconds": 1.0,
                        "tables": [{"layer": "mirror", "table": "public.orders", "exact": True,
                                    "rows": 1234}]})  # fmt: skip
    page = open_page(width=width)
    orders = figure(page, "orders")
    page.locator("#figures [data-key=orders]").click()
    story = page.locator("#story")
    expect(page.locator("#story-value")).to_have_text(f"{orders:,.0f}")
    expect(page.locator("#story-chain li").first).to_contain_text("1,234 rows, every row compared")
    expect(page.locator("#story-rows tbody tr").first).to_contain_text("$88.80")
    expect(page.locator("#story-verdict")).to_contain_text("Exact when all of it was compared")
    page.get_by_role("button", name="Close").click()
    expect(story).to_be_hidden()
    page.locator("#products li").first.click()
    expect(page.locator("#story-title")).to_have_text("Top products")


def test_the_map_shows_each_city_and_a_country_on_request(open_page: Open, shop: Shop) -> None:
    page = open_page()
    expect(page.locator("#map .cities circle")).to_have_count(9)
    expect(page.locator("#cities li")).to_have_count(8)
    page.get_by_role("button", name="Portugal").click()
    expect(page.locator("#map .cities circle")).to_have_count(1)
    expect(page.locator("#cities")).to_contain_text("Lisbon")
    expect(page.locator("#cities li")).to_have_count(1)


@pytest.mark.skipif(not OUTLINES.is_dir(), reason="the outlines are fetched by make")
def test_the_map_has_outlines(open_page: Open) -> None:
    page = open_page()
    expect(page.locator("#map .land path")).not_to_have_count(0)
    assert page.locator("#map .land path").count() > 150
    page.get_by_role("button", name="United States").click()
    expect(page.locator("#map .land:not(.far) path")).to_have_count(51)


def test_colours_are_chosen_and_kept(open_page: Open) -> None:
    page = open_page()
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.locator("#theme").click()
    assert page.evaluate(paper) == light
    page.locator("#theme").click()
    assert page.evaluate(paper) != light
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_ten_thousand_products_are_ranked_as_quickly_as_ten(open_page: Open, shop: Shop) -> None:
    shop.warehouse.execute(
        "insert into live.sales_by_product_and_day select today(), 1000 + number, concat('Product ', toString(number)),"
        " 'USD', 1, toDecimal64(100000 + number, 2) from numbers(10000)"
    )
    page = open_page()
    expect(page.locator("#products li")).to_have_count(8)
    expect(page.locator("#products li").first).to_contain_text("Product 9999")
    took = page.evaluate("fetch('/api/panels/top_products').then((answer) => answer.json()).then((it) => it.took_ms)")
    assert took < 1000, "on a rollup, even on a busy machine"


def test_every_part_has_a_name_for_those_who_do_not_see_it(open_page: Open) -> None:
    page = open_page()
    figure(page, "orders")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("article, section, dialog, button, [role=img]")].filter((each) => {
            const by = each.getAttribute("aria-labelledby");
            const named = each.getAttribute("aria-label") || (by && document.getElementById(by))
                || each.querySelector("h2") || (each.tagName === "BUTTON" && each.textContent.trim());
            return !named;
        }).map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert nameless == []
    assert page.locator("h1").count() == 1
    expect(page.locator("#spoken")).to_contain_text("Revenue today")
