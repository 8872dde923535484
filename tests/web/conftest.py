"""One embedded engine and one server for the tests of the endpoint; each test makes tables of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.client import Client

from tests.web.shop import TOKEN, Shop, open_shop
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.web.app import create_app
from tillstream.web.server import Server


@dataclass(frozen=True)
class World:
    """A server over an embedded warehouse, and ways to talk to it."""

    url: str
    warehouse: Warehouse

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def client(self, *, writer: bool = False, **more: Any) -> Client:
        """clickhouse-connect over HTTP."""
        user, password = ("till", TOKEN) if writer else ("default", "")
        return clickhouse_connect.get_client(host="127.0.0.1", port=self.port, username=user, password=password, **more)

    def ask(self, sql: str | bytes = "", *, writer: bool = False, method: str = "POST", **more: Any) -> httpx.Response:
        """One plain request with the SQL as its body; `params` and `headers` may be given."""
        headers = dict(more.pop("headers", {}))
        if writer:
            headers |= {"X-ClickHouse-User": "till", "X-ClickHouse-Key": TOKEN}
        query = urlencode(more.pop("params", {}))
        return httpx.request(method, f"{self.url}/?{query}", content=sql, headers=headers, timeout=30, **more)

    def rows(self, sql: str) -> list[Any]:
        """What a reader gets, as JSON rows."""
        answer = self.ask(sql + " format JSONCompactEachRow")
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    warehouse = Warehouse(f"chdb://{tmp_path_factory.mktemp('warehouse')}")
    for database in ("bronze", "mirror", "store", "facts", "live", "marts", "till"):
        warehouse.execute(f"create database {database}")
    warehouse.execute("create table live.numbers (n UInt64, word String) order by n")
    warehouse.execute("insert into live.numbers select number, toString(number) from numbers(1000)")
    server = Server(create_app(warehouse, TOKEN))
    yield World(server.start(), warehouse)
    server.stop()
    warehouse.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A store with two days of sales behind it, served."""
    shop = open_shop(tmp_path / "warehouse")
    shop.fill()
    shop.serve()
    yield shop
    shop.server.stop()
    shop.warehouse.close()
