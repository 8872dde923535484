"""The models, deployed by dbt once a process, and laid out again for each test."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.live.shop import TABLES, Shop
from tests.services.warehouse import empty
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.destination import ClickHouseDestination
from tillstream.live.definitions import Definitions
from tillstream.live.layer import LiveLayer
from tillstream.models import Endpoint, Project, deploy
from tillstream.stores.profile import load_profile
from tillstream.web.app import create_app
from tillstream.web.server import Server

PROFILE = load_profile("demo")


@dataclass(slots=True)
class Blueprint:
    """What dbt built, as statements that build it again; and the shop that was built last."""

    statements: list[str] = field(default_factory=list)
    definitions: Definitions = field(default_factory=Definitions)
    shop: Shop | None = None


@pytest.fixture(scope="session")
def blueprint() -> Blueprint:
    """Empty until the first test has deployed."""
    return Blueprint()


@pytest.fixture
def shop(engine: Warehouse, blueprint: Blueprint, tmp_path: Path) -> Shop:
    """An empty store, its warehouse, and its models deployed."""
    if blueprint.shop is not None and engine.value("select count() from system.tables where database = 'facts'"):
        blueprint.shop.clear()
        return blueprint.shop
    empty(engine)
    shop = blueprint.shop = bare_shop(engine)
    if not blueprint.statements:
        with_endpoint(engine, tmp_path, lambda project: deploy(project, shop.layer))
        blueprint.statements = _statements(engine)
        blueprint.definitions = shop.layer.definitions
    else:
        for statement in blueprint.statements:
            engine.execute(statement)
        shop.layer.adopt(blueprint.definitions)
    return shop


def bare_shop(warehouse: Warehouse) -> Shop:
    """An empty store whose models are not deployed."""
    destination = ClickHouseDestination(warehouse, PROFILE.linking_columns())
    for table in TABLES.values():
        destination.ensure(table)
    return Shop(warehouse, destination, LiveLayer(warehouse, PROFILE))


def with_endpoint(warehouse: Warehouse, folder: Path, work: Callable[[Project], None], own: Path | None = None) -> None:
    """Do something with a dbt project while the warehouse answers over HTTP."""
    token = "secret-of-the-test"
    server = Server(create_app(warehouse, token))
    try:
        work(Project(folder / "dbt", Endpoint(server.start(), "till", token), own=own))
    finally:
        server.stop()


def _statements(warehouse: Warehouse) -> list[str]:
    """Tables first, then the views of the canonical tables, those that read these, and what fills the rollups."""
    rows = warehouse.rows(
        "select database, name, create_table_query from system.tables where database in ('store', 'facts', 'live')"
        " order by multiIf(endsWith(engine, 'MergeTree'), 0, database = 'store', 1, engine = 'View', 2, 3), name"
    )
    databases = [f"create database if not exists {name}" for name in ("store", "facts", "live")]
    waiting = {name for database, name, _ in rows if database == "live"}
    ordered: list[str] = []
    later: list[str] = []
    for _, name, statement in rows:
        waiting.discard(name)
        reads = any(re.search(rf"\blive\.`?{other}\b", statement.partition(" AS ")[2]) for other in waiting)
        (later if reads else ordered).append(statement)
    return databases + ordered + later
