"""The statements of the guide are enough for a role that owns nothing."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import psycopg
import pytest

from tests.services.postgres import Database
from tests.sources.reading import rows_of
from tests.sources.shop import Shop
from tests.style.tree import read

GUIDE = read("docs/guides/own-postgres.md")
BLOCKS = re.findall(r"```sql\n(.*?)```", GUIDE, flags=re.DOTALL)
TABLES = ("orders", "order_lines", "customers")


@pytest.fixture
def role(database: Database) -> Iterator[str]:
    name = f"till_{secrets.token_hex(4)}"
    yield name
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute(f"drop owned by {name}")
        owner.execute(f"drop role {name}")


def test_a_role_of_its_own_captures_what_an_owner_published(database: Database, role: str) -> None:
    for table in (*TABLES, "others"):
        database.run(f"create table {table} (id int primary key)")
    database.run("create table events (at timestamptz)")
    store = database.value("select current_database()")
    rights, publication = BLOCKS[0], BLOCKS[1]
    assert "create role" in rights
    second = re.search(r"`(create publication tillstream_added .*?\))`", GUIDE, flags=re.DOTALL)
    assert second
    rights = rights.replace("role tillstream", f"role {role}").replace("to tillstream", f"to {role}")
    database.run(*statements(rights.replace("database shop", f"database {store}").replace("…", "secret")))
    database.run(*statements(publication), second[1])
    database.run("insert into orders values (1)", "insert into events values ('2026-01-01')")

    url = re.sub(r"//[^@]+@", f"//{role}:secret@", database.url)
    wanted = tuple(f"public.{table}" for table in (*TABLES, "events"))
    shop = Shop(Database(url, database.connection), tables=wanted, insert_only=("public.events",))
    assert len(rows_of(shop.read(), "public.orders")) == 1
    database.run("insert into customers values (7)", "insert into events values ('2026-01-02')")

    batches = shop.read()
    assert [row["id"] for row in rows_of(batches, "public.customers")] == ["7"]
    assert len(rows_of(batches, "public.events")) == 1


def statements(block: str) -> list[str]:
    return [statement.strip() for statement in block.split(";") if statement.strip()]
