"""One server for all tests of the simulator, and a fresh database in it for each that asks."""

from __future__ import annotations

import math
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit

import psycopg
import pytest

from tillstream.simulate.history import Sizes, load_history
from tillstream.simulate.life import Lived, Plan, simulate
from tillstream.simulate.schema import TABLES, create_schema
from tillstream.simulate.server import EmbeddedPostgres

MakeDatabase = Callable[..., str]

collect_ignore = [] if os.geteuid() == 0 else ["test_as_root.py"]

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
SMALL = Sizes(customers=300, products=60, orders=4_000)
AS_FAST_AS_POSSIBLE = math.inf
LATER = datetime(2026, 11, 21, 10, tzinfo=UTC)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    folder = tmp_path_factory.mktemp("simulate") / "postgres"
    with EmbeddedPostgres(folder, {"fsync": "off", "full_page_writes": "off"}) as running:
        yield running


@pytest.fixture(scope="session")
def make_database(server: EmbeddedPostgres) -> MakeDatabase:
    """Makes empty databases, or copies of one nobody is connected to, and tells their URLs."""

    def make(template: str = "template1") -> str:
        name = f"store_{uuid.uuid4().hex[:12]}"
        source = urlsplit(template).path.lstrip("/")
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f'create database "{name}" template "{source}"')
        return server.url.rpartition("/")[0] + "/" + name

    return make


@pytest.fixture
def database(make_database: MakeDatabase) -> str:
    """An empty database."""
    return make_database()


@pytest.fixture(scope="session")
def loaded(make_database: MakeDatabase) -> str:
    url = make_database()
    create_schema(url)
    load_history(url, SMALL, 7, NOW)
    return url


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def checksum(url: str) -> str:
    """A digest of every row of every table."""
    digest = sha256()
    with psycopg.connect(url) as connection:
        for table in TABLES:
            query = f"select string_agg(t::text, '|' order by t::text collate \"C\") from {table} t"
            [(content,)] = connection.execute(query).fetchall()
            digest.update(f"{table}:{content}\n".encode())
    return digest.hexdigest()


def ticking_clock() -> Callable[[], datetime]:
    """A clock that goes on by 40 ms each time somebody looks."""

    def ticks() -> Iterator[datetime]:
        moment = LATER
        while True:
            yield moment
            moment += timedelta(milliseconds=40)

    return ticks().__next__


def live(url: str, transactions: int, seed: int = 1) -> Lived:
    plan = Plan(AS_FAST_AS_POSSIBLE, seed, transactions=transactions)
    return simulate(url, plan, threading.Event(), clock=ticking_clock())


@pytest.fixture
def store(loaded: str, make_database: MakeDatabase) -> str:
    """A store of its own with a small history."""
    return make_database(loaded)
