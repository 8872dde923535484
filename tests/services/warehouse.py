"""An embedded warehouse for tests: one engine a process, since it can't open two folders; empty for each test.

A test that opens a folder of its own may do so: the shared engine is closed while such a test runs.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tillstream.destinations.clickhouse.client import Warehouse, quoted

KEPT = ("default", "system", "information_schema", "INFORMATION_SCHEMA", "_local")


_shared: list[Warehouse] = []


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Make way for a test that does not use the shared engine; its next user opens it again."""
    if "engine" not in getattr(item, "fixturenames", ()):
        for warehouse in _shared:
            warehouse.close()


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The engine of this process. Tests ask for `warehouse`, which is empty."""
    warehouse = Warehouse(f"chdb://{tmp_path_factory.mktemp('engine')}")
    _shared.append(warehouse)
    yield warehouse
    warehouse.close()
    _shared.remove(warehouse)


@pytest.fixture
def warehouse(engine: Warehouse) -> Iterator[Warehouse]:
    """A warehouse without databases."""
    empty(engine)
    yield engine
    empty(engine)


def empty(warehouse: Warehouse) -> None:
    """Drop every database that is not the engine's own."""
    for (name,) in warehouse.rows("select name from system.databases"):
        if name not in KEPT:
            warehouse.execute(f"drop database {quoted(name)} sync")
