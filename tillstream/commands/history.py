"""The demo store's past: made once per folder, and made again if its making was cut short."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from tillstream.commands.output import Output


@dataclass(frozen=True, slots=True)
class History:
    """How large a past the store has."""

    orders: int
    customers: int
    products: int
    seed: int


def prepare(url: str, folder: Path, history: History, output: Output) -> None:
    """Give the store its schema and past, unless it has them."""
    from tillstream.simulate.history import load_history
    from tillstream.simulate.schema import create_schema

    mark = folder / "history.json"
    if mark.exists() and _has_tables(url):
        return
    # Without the mark whatever is there was cut short: begin again.
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop schema public cascade")
        connection.execute("create schema public")
    create_schema(url)
    with output.progress(f"a year of history: {history.orders:,} orders", history.orders) as update:
        load_history(url, history, update)
    mark.write_text(json.dumps(asdict(history)) + "\n")


def _has_tables(url: str) -> bool:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("select to_regclass('public.orders') is not null").fetchone()
    return found is not None and bool(found[0])
