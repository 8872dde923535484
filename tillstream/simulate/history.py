"""A year of history for the demo store: drawn from a seed all at once, and loaded as one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import psycopg

from tillstream.errors import StoreError
from tillstream.simulate import words
from tillstream.simulate.catalogue import make_catalogue
from tillstream.simulate.past.carts import make_carts
from tillstream.simulate.past.fates import make_fates, order_states, payments_and_refunds, shipments, status_history
from tillstream.simulate.past.sales import details, make_sales
from tillstream.simulate.past.seasons import Span
from tillstream.simulate.past.stock import make_stock
from tillstream.simulate.people import make_people
from tillstream.simulate.places import cities
from tillstream.simulate.promotions import make_promotions
from tillstream.simulate.schema import TABLES, advance_sequences, connect, constraints_set_aside, require_schema
from tillstream.simulate.tables import Columns, copy_into, ids, money

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much history there is."""

    customers: int = 5_000
    products: int = 500
    orders: int = 100_000
    days: int = 365

    def __post_init__(self) -> None:
        for name, least in (("customers", 10), ("products", 10), ("orders", 10), ("days", 2)):
            if getattr(self, name) < least:
                raise StoreError(f"a history needs at least {least} {name}", detail=f"Asked for {getattr(self, name)}.")


def nobody_watches(fraction: float, label: str) -> None:
    """The progress that nobody looks at."""


def load_history(
    url: str, sizes: Sizes, seed: int, now: datetime, progress: Progress = nobody_watches
) -> dict[str, int]:
    """Fill the empty tables of a store with what happened until `now`. Returns the rows of each table.

    The same sizes, seed and moment give the same rows. All or nothing: a load that is interrupted leaves
    the tables empty. StoreError when they are not empty.
    """
    with connect(url) as connection:
        require_schema(connection)
        _require_empty(connection)
        progress(0.0, "inventing a year")
        try:
            return _load(connection, make_history(sizes, seed, now), progress)
        except psycopg.Error as error:
            raise StoreError(
                "the history can't be loaded",
                detail=str(error).strip(),
                hint="The user needs to own the store's tables, and the server about 1 GB of disk.",
            ) from error


def _load(connection: psycopg.Connection[Any], tables: dict[str, Columns], progress: Progress) -> dict[str, int]:
    total = sum(_length(columns) for columns in tables.values())
    loaded: dict[str, int] = {}
    with constraints_set_aside(connection):
        for name in TABLES:
            progress(0.1 + 0.7 * sum(loaded.values()) / total, name)
            loaded[name] = copy_into(connection, name, tables[name])
        progress(0.8, "indexes and foreign keys")
    advance_sequences(connection)
    connection.commit()
    progress(0.95, "statistics")
    connection.execute("analyze")
    connection.commit()
    progress(1.0, "done")
    return loaded


def make_history(sizes: Sizes, seed: int, now: datetime) -> dict[str, Columns]:
    """The rows of every table, by table and column."""
    # Each part draws from a source of its own: another number of customers changes no product.
    sources = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(8))
    span = Span.until(now, sizes.days)
    shelf = make_catalogue(next(sources), sizes.products, span)
    people = make_people(next(sources), sizes.customers, span)
    codes = make_promotions(next(sources), span)
    orders, lines = make_sales(next(sources), (sizes.orders, span), people, shelf, codes)
    events = next(sources)
    fates = make_fates(events, orders, span)
    payments, refunds = payments_and_refunds(events, orders, fates)
    variant_count = len(shelf.product_of)
    moves, levels = make_stock(next(sources), (orders, lines, fates), variant_count, span)
    carts, cart_lines = make_carts(next(sources), (orders, lines), people, variant_count, span)
    return {
        **people.tables,
        **shelf.tables,
        **codes.tables,
        **_fixtures(),
        "orders": {**details(next(sources), orders), **order_states(orders, fates)},
        "order_lines": lines.columns,
        "order_status_history": status_history(orders, fates),
        "payments": payments,
        "refunds": refunds,
        "shipments": shipments(events, orders, fates),
        "stock_moves": moves,
        "stock_levels": levels,
        "carts": carts,
        "cart_lines": cart_lines,
    }


def _fixtures() -> dict[str, Columns]:
    places = {(city.name, city.province, city.country): number for number, city in enumerate(cities(), 1)}
    return {
        "payment_methods": {"id": ids(len(words.PAYMENT_METHODS)), "name": list(words.PAYMENT_METHODS)},
        "shipping_methods": {
            "id": ids(len(words.SHIPPING_METHODS)),
            "name": [name for name, _ in words.SHIPPING_METHODS],
            "price": money(np.array([price for _, price in words.SHIPPING_METHODS], dtype=np.int64)),
        },
        "warehouses": {
            "id": ids(len(words.WAREHOUSES)),
            "city_id": [places[place] for place in words.WAREHOUSES],
            "name": [city for city, _, _ in words.WAREHOUSES],
        },
    }


def _length(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def _require_empty(connection: psycopg.Connection[Any]) -> None:
    for table in ("orders", "customers", "products", "countries"):
        if connection.execute(f"select 1 from {table} limit 1").fetchone():
            raise StoreError(
                "the store already has a history",
                detail=f'Table "{table}" is not empty.',
                hint="Go on with what is there, or use an empty database.",
            )
