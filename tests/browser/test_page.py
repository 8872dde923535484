"""What a person sees, read off the page in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.web.shop import Shop

Open = Callable[..., Page]


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


def test_a_lost_connection_is_said_and_the_page_comes_back_by_itself(open_page: Open, shop: Shop) -> None:
    page = open_page()
    orders = figure(page, "orders")
    port = int(shop.url.rpartition(":")[2])
    shop.server.stop()
    expect(page.locator("#lost")).to_be_visible()
    expect(page.locator("#pill")).to_contain_text("Connection lost")
    shop.serve(port)
    expect(page.locator("#lost")).to_be_hidden()
    expect(page.locator("#pill")).to_contain_text("Live")
    shop.sell("10.00")
    wait_for_figure(page, "orders", orders + 1)


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


@pytest.mark.parametrize("width", [1360, 1024, 768, 390, 320])
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


def test_a_number_is_explained_by_keyboard_alone(open_page: Open) -> None:
    page = open_page()
    figure(page, "orders")
    page.get_by_role("button", name="Explain Revenue per minute").focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#explain")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("from live.sales_by_minute")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.locator("#revenue").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#revenue .tip")).to_contain_text("orders")
    dialog_button = page.get_by_role("button", name="Explain Orders today")
    dialog_button.click()
    page.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(open_page: Open, shop: Shop, scheme: str) -> None:
    shop.sell("10.00")
    page = open_page(color_scheme=scheme)
    figure(page, "orders")
    page.wait_for_timeout(1800)  # a new row's colour fades
    pale = page.evaluate(CONTRASTS)
    assert pale == []


# Every visible text's contrast with the nearest opaque background; WCAG AA asks for 4.5, and 3 for large text.
CONTRASTS = r"""() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgb = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => [r, g, b].map((each) => each / 255)
        .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
        .reduce((sum, each, place) => sum + each * [0.2126, 0.7152, 0.0722][place], 0);
    const behind = (element) => {
        for (let each = element; each; each = each.parentElement) {
            const fill = each.parentElement?.querySelector(":scope > .fill");
            if (fill && each !== fill) return rgb(getComputedStyle(fill).backgroundColor);
            const color = rgb(getComputedStyle(each).backgroundColor);
            if (color[3] === 255) return color;
        }
        return rgb("white");
    };
    const found = [];
    for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!own || !element.checkVisibility() || element.closest(".unseen, .skip, svg, noscript, .tip")) continue;
        const style = getComputedStyle(element);
        const pair = [light(rgb(style.color)), light(behind(element))].sort((a, b) => b - a);
        const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
        const large = parseFloat(style.fontSize) >= 24;
        if (contrast < (large ? 3 : 4.5)) found.push(`${element.textContent.slice(0, 30)}: ${contrast.toFixed(2)}`);
    }
    return found;
}"""
