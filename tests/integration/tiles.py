"""What the store's page shows, tile by tile: read off the page, and asked of the store itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
from playwright.sync_api import Page

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

    def rows(query: str) -> list[tuple[Any, ...]]:
        return store.execute(query).fetchall()  # type: ignore[arg-type]  # a text of ours

    def amounts(select: str) -> list[list[str]]:
        return [[name, money(value)] for name, value in rows(select)]

    ((revenue, orders, counted, units),) = rows(
        f"select coalesce(sum(o.total_amount) filter (where {COUNTED}), 0), count(*),"
        f" count(*) filter (where {COUNTED}), coalesce(sum((select sum(quantity) from order_lines l"
        f" where l.order_id = o.id)) filter (where {COUNTED}), 0) from orders o where {TODAY}"
    )
    lines = (
        f"from orders o join order_lines l on l.order_id = o.id join products p on p.id = l.product_id where {COUNTED}"
    )
    placed = "from orders o join addresses a on a.id = o.shipping_address_id join cities c on c.id = a.city_id"
    states = dict(rows("select status::text, count(*) from orders group by status"))
    steps = [
        sum(states.values()),
        sum(states.get(each, 0) for each in ("paid", "shipped", "delivered", "returned", "refunded")),
        sum(states.get(each, 0) for each in ("shipped", "delivered", "returned")),
        sum(states.get(each, 0) for each in ("delivered", "returned")),
    ]
    return {
        "revenue": money(revenue),
        "orders": f"{orders:,}",
        "average_order": money(round(revenue / counted, 2)) if counted else "\N{EN DASH}",
        "units": f"{units:,}",
        "customers": rows(f"select count(*)::text from customers o where {TODAY.replace('placed_at', 'created_at')}")[
            0
        ][0],
        "products": amounts(
            f"select p.name, sum(l.total_amount) {lines} and {WEEK} group by p.id order by 2 desc, p.id limit 8"
        ),
        "categories": amounts(
            f"select (select name from categories where id = p.category_id), sum(l.total_amount) {lines}"
            " group by p.category_id order by 2 desc, p.category_id limit 8"
        ),
        "cities": amounts(
            f"select c.name, sum(o.total_amount) {placed} where {COUNTED} and {WEEK}"
            " group by c.id order by 2 desc, c.id limit 8"
        ),
        "circles": rows(f"select count(distinct c.id) {placed} where {COUNTED} and {WEEK}")[0][0],
        "funnel": [f"{step:,}" for step in steps],
        "exits": [f"{states.get(exit, 0):,}" for exit in ("payment_failed", "cancelled", "returned", "refunded")],
        "latest": [
            [f"#{number}", money(total), state.replace("_", " ")]
            for number, total, state in rows(
                "select id, total_amount, status::text from orders order by placed_at desc, id desc limit 10"
            )
        ],
        "stock": [
            [" · ".join(part for part in (product, variant) if part), f"{left:,}"]
            for product, variant, left in rows(
                "select p.name, v.title, sum(s.on_hand) from stock_levels s join variants v on v.id = s.variant_id"
                " join products p on p.id = v.product_id group by v.id, v.title, p.name order by 3, v.id limit 8"
            )
        ],
        "minute": money(
            rows(
                f"select coalesce(sum(o.total_amount), 0) from orders o where {COUNTED}"
                " and o.placed_at >= date_trunc('minute', now())"
            )[0][0]
        ),
    }


def money(value: Decimal) -> str:
    """As the page writes it."""
    return f"${value:,.2f}"
