"""PostgreSQL for tests: one server per test process, one database per test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tillstream.simulate.server import EmbeddedPostgres

# Nothing has to survive a power failure here.
QUICK = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "1GB", "max_prepared_transactions": "10"}


@dataclass(frozen=True)
class Database:
    """An empty database of its own, and how to talk to it."""

    url: str
    connection: psycopg.Connection

    def run(self, *statements: str) -> None:
        """Each statement in a transaction of its own."""
        for statement in statements:
            self.connection.execute(statement)

    def value(self, query: str) -> Any:
        row = self.connection.execute(query).fetchone()
        return row[0] if row else None


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    folder: Path = tmp_path_factory.mktemp("postgres")
    with EmbeddedPostgres(folder, QUICK) as server:
        yield server


@pytest.fixture
def database(postgres_server: EmbeddedPostgres) -> Iterator[Database]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server.url, autocommit=True) as admin:
        admin.execute(f"create database {name}")
    url = postgres_server.url.rsplit("/", 1)[0] + f"/{name}"
    connection = psycopg.connect(url, autocommit=True)
    try:
        yield Database(url, connection)
    finally:
        connection.close()
        _drop(postgres_server, name)


def _drop(server: EmbeddedPostgres, name: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(
            "select pg_terminate_backend(active_pid) from pg_replication_slots"
            " where database = %s and active_pid is not null",
            [name],
        )
        for (slot,) in admin.execute("select slot_name from pg_replication_slots where database = %s", [name]):
            with suppress(psycopg.errors.ObjectInUse, psycopg.errors.UndefinedObject):
                admin.execute("select pg_drop_replication_slot(%s)", [slot])
        with suppress(psycopg.errors.ObjectInUse):
            admin.execute(f"drop database if exists {name} with (force)")
