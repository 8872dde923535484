"""Whether everybody can read the pages, in every light; and the pictures of them in the docs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.services.browser import Visitor, barriers
from tests.web.shop import Shop

Open = Callable[..., Page]

# A new row's colour fades, a number ticks.
SETTLED_MS = 2200
# A living store fills the page's small charts.
LIVED_MS = 20_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_anybody_out(open_page: Open, shop: Shop, scheme: str) -> None:
    shop.sell("10.00")
    page = open_page(scheme=scheme)
    page.wait_for_timeout(SETTLED_MS)
    assert barriers(page) == []
    page.get_by_role("button", name="The story of Stock").click()
    expect(page.locator("#story[data-state=told]")).to_be_visible()
    page.wait_for_timeout(500)
    assert barriers(page) == []


def test_nothing_keeps_anybody_out_of_an_empty_store_or_of_operations(visitor: Visitor, shop: Shop) -> None:
    shop.empty()
    for path, ready in (("/", "#empty:visible"), ("/operations", "body:not(.loading) #meters dd")):
        page = visitor.open(shop.url + path)
        page.wait_for_selector(ready)
        page.wait_for_timeout(SETTLED_MS)
        assert barriers(page) == []


@pytest.mark.parametrize("width", [1440, 390, 360])
def test_operations_are_not_wider_than_the_screen(visitor: Visitor, shop: Shop, width: int) -> None:
    page = visitor.open(f"{shop.url}/operations", width=width, height=844)
    page.wait_for_selector("body:not(.loading) #meters dd")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def open_story(page: Page) -> None:
    page.locator(".figure").first.click()
    expect(page.locator("#story[data-state=told]")).to_be_visible()


def see_the_states(page: Page) -> None:
    if page.get_by_role("button", name="United States").count():
        page.get_by_role("button", name="United States").click()


def as_it_is(_page: Page) -> None:
    pass


# name: path, width, height, scheme, whole page, what to do first
PICTURES = {
    "page": ("/", 1440, 1000, "light", True, as_it_is),
    "dark": ("/", 1440, 1000, "dark", False, see_the_states),
    "phone": ("/", 390, 844, "light", False, as_it_is),
    "story": ("/", 1440, 1000, "light", False, open_story),
    "operations": ("/operations", 1440, 1000, "light", True, as_it_is),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_taken(visitor: Visitor, shop: Shop, tmp_path: Path, name: str) -> None:
    """Into the folder TILL_PICTURES, of the page at TILL_PAGE, if those are given: the docs' pictures are made so."""
    path, width, height, scheme, full_page, prepare = PICTURES[name]
    address = os.environ.get("TILL_PAGE", shop.url).rstrip("/")
    page = visitor.open(address + path, width=width, height=height, scheme="dark" if scheme == "dark" else "light")
    # Nothing half way to its new place.
    page.emulate_media(reduced_motion="reduce")
    page.wait_for_selector("body:not(.loading)")
    page.wait_for_timeout(LIVED_MS if "TILL_PAGE" in os.environ else 0)
    prepare(page)
    page.wait_for_timeout(SETTLED_MS)
    picture = Path(os.environ.get("TILL_PICTURES", tmp_path)) / f"{name}.png"
    page.screenshot(path=picture, full_page=full_page)
    assert picture.stat().st_size > 20_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(open_page: Open, shop: Shop, scheme: str) -> None:
    shop.sell("10.00")
    page = open_page(scheme=scheme)
    page.wait_for_timeout(SETTLED_MS)
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
