"""One server for all tests of the simulator, and a fresh database in it for each that asks."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from tillstream.simulate.server import EmbeddedPostgres

MakeDatabase = Callable[..., str]


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
