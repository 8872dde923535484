"""What the store's page shows, tile by tile: read off the page, and asked of the store itself."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import psycopg
from playwright.sync_api import Page

CENT = Decimal("0.01")
COUNTED = "o.status in ('paid', 'shipped', 'delivered', 'returned', 'refunded')"
TODAY = "o.placed_at >= date_trunc('day', now() at time zone 'utc') at time zone 'utc'"
WEEK = "(o.placed_at at time zone 'utc')::date > (now() at time zone 'utc')::date - 7"

LISTED = """() => {
    const text = (element, selector) => element.querySelector(selector)?.textContent ?? "";
    const amounts = (id) => [...document.querySelectorAll(`#${id} li[data-key]`)]
        .map((line) => [text(line, "span"), line.querySelector(".amount").title]);
    const found = {};
    for (const figure of document.querySelectorAll("#figures .figure")) {
        found[figure.dataset.key] = text(figure, ".value");
    }
    for (const id of ["products", "categories", "cities"]) found[id] = amounts(id);
    found.funnel = [...document.querySelectorAll("#funnel li")].map((step) => text(step, ".count > span"));
    found.exits = [...document.querySelectorAll("#exits b")].map((exit) => exit.textContent);
    found.latest = [...document.querySelectorAll("#orders tr[data-key]")]
        .map((line) => [line.children[0].textContent, line.children[4].textContent, line.children[5].textContent]);
    found.stock = [...document.querySelectorAll("#stock li[data-key]")]
        .map((line) => [text(line, ".product"), text(line, ".left")]);
    found.minute = document.querySelector("#revenue").getAttribute("aria-label")?.match(/: (.*?) in this minute/)?.[1];
    found.circles = document.querySelectorAll("#map .cities circle").length;
    return found;
}"""


def on_the_page(page: Page) -> dict[str, Any]:
    """Every tile's texts."""
    found: dict[str, Any] = page.evaluate(LISTED)
    return found


def in_the_store(store: psycopg.Connection) -> dict[str, Any]:
    """The same texts, from queries on the source."""
    return {**_today(store), **_rankings(store), **_orders(store), **_stock(store)}


def _today(store: psycopg.Connection) -> dict[str, Any]:
    ((revenue, orders, counted, units, minute),) = _rows(
        store,
        f"select coalesce(sum(o.total_amount) filter (where {COUNTED}), 0), count(*),"
        f" count(*) filter (where {COUNTED}),"
        " coalesce(sum((select sum(quantity) from order_lines l where l.order_id = o.id))"
        f" filter (where {COUNTED}), 0),"
        f" coalesce(sum(o.total_amount) filter (where {COUNTED} and o.placed_at >= date_trunc('minute', now())), 0)"
        f" from orders o where {TODAY}",
    )
    registered = TODAY.replace("placed_at", "created_at")
    return {
        "revenue": money(revenue),
        "orders": f"{orders:,}",
        "average_order": money((revenue / counted).quantize(CENT, ROUND_HALF_UP)) if counted else "\N{EN DASH}",
        "units": f"{units:,}",
        "minute": money(minute),
        "customers": f"{_rows(store, f'select count(*) from customers o where {registered}')[0][0]:,}",
    }


def _rankings(store: psycopg.Connection) -> dict[str, Any]:
    sold = "from orders o join order_lines l on l.order_id = o.id join products p on p.id = l.product_id"
    placed = "from orders o join addresses a on a.id = o.shipping_address_id join cities c on c.id = a.city_id"
    queries = {
        "products": f"select p.name, sum(l.total_amount) {sold} where {COUNTED} and {WEEK}"
        " group by p.id order by 2 desc, p.id limit 8",
        "categories": "select (select name from categories where id = p.category_id), sum(l.total_amount)"
        f" {sold} where {COUNTED} group by p.category_id order by 2 desc, p.category_id limit 8",
        "cities": f"select c.name, sum(o.total_amount) {placed} where {COUNTED} and {WEEK}"
        " group by c.id order by 2 desc, c.id limit 8",
    }
    circles = _rows(store, f"select count(distinct c.id) {placed} where {COUNTED} and {WEEK}")[0][0]
    ranked = {name: [[each, money(value)] for each, value in _rows(store, query)] for name, query in queries.items()}
    return {**ranked, "circles": circles}


def _orders(store: psycopg.Connection) -> dict[str, Any]:
    states = dict(_rows(store, "select status::text, count(*) from orders group by status"))
    reached = [
        tuple(states),
        ("paid", "shipped", "delivered", "returned", "refunded"),
        ("shipped", "delivered", "returned", "refunded"),
        ("delivered", "returned", "refunded"),
    ]
    latest = "select id, total_amount, status::text from orders order by placed_at desc, id desc limit 10"
    return {
        "funnel": [f"{sum(states.get(state, 0) for state in step):,}" for step in reached],
        "exits": [f"{states.get(state, 0):,}" for state in ("payment_failed", "cancelled", "returned", "refunded")],
        "latest": [
            [f"#{number}", money(total), state.replace("_", " ")] for number, total, state in _rows(store, latest)
        ],
    }


def _stock(store: psycopg.Connection) -> dict[str, Any]:
    least = (
        "select p.name, v.title, sum(s.on_hand) from stock_levels s join variants v on v.id = s.variant_id"
        " join products p on p.id = v.product_id group by v.id, v.title, p.name order by 3, v.id limit 8"
    )
    return {
        "stock": [
            [" · ".join(part for part in (product, variant) if part), f"{left:,}"]
            for product, variant, left in _rows(store, least)
        ]
    }


def _rows(store: psycopg.Connection, query: str) -> list[tuple[Any, ...]]:
    return store.execute(query).fetchall()


def money(value: Decimal) -> str:
    """As the page writes it."""
    return f"${value:,.2f}"
