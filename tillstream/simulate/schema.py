"""The schema of the demo store: made, recognised, and set aside while much is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tillstream.errors import StoreError

# Parents before children.
TABLES = (
    "countries", "provinces", "cities", "roles", "staff", "customers", "addresses", "categories", "brands", "vendors",
    "tags", "products", "product_tags", "variants", "warehouses", "stock_levels", "campaigns", "discounts",
    "payment_methods", "shipping_methods", "orders", "order_lines", "order_status_history", "payments", "refunds",
    "shipments", "carts", "cart_lines", "stock_moves",
)  # fmt: skip


def connect(url: str) -> psycopg.Connection[Any]:
    """A connection in UTC. StoreError when there is none to be had."""
    try:
        return psycopg.connect(
            url, connect_timeout=10, application_name="tillstream simulate", options="-c timezone=UTC"
        )
    except psycopg.OperationalError as error:
        raise StoreError(
            "no connection to the store's database",
            detail=str(error).strip().splitlines()[-1],
            hint="Is the server running, and are address, user and password right?",
        ) from error


def create_schema(url: str) -> None:
    """Create the tables. Does nothing when they are there."""
    with connect(url) as connection:
        missing = missing_tables(connection)
        if not missing:
            return
        if len(missing) < len(TABLES):
            raise StoreError(
                "the database has tables of the same names that are not the demo store's",
                detail=f"It lacks {_listed(missing)}, but has the others.",
                hint="Use an empty database.",
            )
        try:
            connection.execute((Path(__file__).parent / "schema.sql").read_bytes())
        except psycopg.Error as error:
            raise StoreError(
                "can't create the demo store's tables",
                detail=str(error).strip(),
                hint="The user needs the right to create tables in this database, and the database should be empty.",
            ) from error


def require_schema(connection: psycopg.Connection[Any]) -> None:
    """Raise StoreError unless the demo store's tables are there."""
    missing = missing_tables(connection)
    if missing:
        name = connection.info.dbname
        raise StoreError(
            f'database "{name}" does not have the demo store\'s schema',
            detail=f"It lacks {_listed(missing)}.",
            hint="till simulate --create makes the tables and their history in an empty database.",
        )


def missing_tables(connection: psycopg.Connection[Any]) -> list[str]:
    """Which of the store's tables the search path does not lead to."""
    found = connection.execute("select t from unnest(%s::text[]) t where to_regclass(t) is not null", [list(TABLES)])
    there = {row[0] for row in found}
    return [table for table in TABLES if table not in there]


@contextmanager
def constraints_set_aside(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Drop foreign keys and plain indexes of the store's tables, and make them again afterwards.

    Checked all at once at the end, a million new rows take seconds instead of minutes. Happens inside
    the caller's transaction: nobody else ever sees the tables without them.
    """
    tables = list(TABLES)
    keys = connection.execute(
        "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
        " where contype = 'f' and conrelid = any(%s::regclass[]) order by conname",
        [tables],
    ).fetchall()
    indexes = connection.execute(
        "select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index i"
        " where i.indrelid = any(%s::regclass[]) and not i.indisunique order by 1",
        [tables],
    ).fetchall()
    for table, name, _ in keys:
        connection.execute(sql.SQL("alter table {} drop constraint {}").format(sql.SQL(table), sql.Identifier(name)))
    for name, _ in indexes:
        connection.execute(sql.SQL("drop index {}").format(sql.SQL(name)))
    yield
    for _, definition in indexes:
        connection.execute(definition)
    for table, name, definition in keys:
        connection.execute(
            sql.SQL("alter table {} add constraint {} {}").format(
                sql.SQL(table), sql.Identifier(name), sql.SQL(definition)
            )
        )


def advance_sequences(connection: psycopg.Connection[Any]) -> None:
    """Let the tables' own ids go on after the highest that is there."""
    for table, column in numbered_tables(connection):
        connection.execute(
            sql.SQL("select setval(pg_get_serial_sequence({}, {}), greatest(max({}), 1)) from {}").format(
                sql.Literal(table), sql.Literal(column), sql.Identifier(column), sql.Identifier(table)
            )
        )


def numbered_tables(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """Tables with an identity column, and the column."""
    return connection.execute(
        "select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid"
        " where a.attidentity <> '' and a.attrelid = any(%s::regclass[]) order by 1",
        [list(TABLES)],
    ).fetchall()


def _listed(tables: list[str]) -> str:
    shown = ", ".join(f'"{table}"' for table in tables[:5])
    return shown if len(tables) <= 5 else f"{shown} and {len(tables) - 5} more tables"
