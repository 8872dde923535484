"""The demo store's past: made once, before its life goes on."""

from __future__ import annotations

from datetime import UTC, datetime

from tillstream.commands.output import Output
from tillstream.simulate.history import Sizes, load_history
from tillstream.simulate.schema import connect, create_schema


def prepare(url: str, sizes: Sizes, seed: int, output: Output) -> None:
    """Give the store its tables and its past, unless it has them."""
    create_schema(url)
    with connect(url) as connection:
        # Loaded in one transaction: one row says that all of it is there.
        if connection.execute("select 1 from countries limit 1").fetchone():
            return
    title = f"a year of history: {sizes.orders:,} orders of {sizes.customers:,} customers"
    with output.progress(title) as update:
        load_history(url, sizes, seed, datetime.now(UTC), update)
