"""The destinations that keep one contract: in memory, in the embedded engine, and behind ClickHouse's HTTP protocol."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.flow.ends import ClickHouseMirrors
from tests.services.warehouse import empty
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.destination import ClickHouseDestination
from tillstream.destinations.clickhouse.ledger import ClickHouseLedger
from tillstream.destinations.memory import MemoryDestination, MemoryLedger, Mirrors
from tillstream.ledger import Ledger
from tillstream.ports import Destination
from tillstream.web.app import create_app
from tillstream.web.server import Server

TOKEN = "writer"


def _may_mount() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
        if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
            return False
        return subprocess.run(["umount", folder], check=True).returncode == 0


collect_ignore = [] if _may_mount() else ["test_with_mounts.py"]


@dataclass(frozen=True)
class World:
    """A destination, its ledger, and what its mirrors show."""

    destination: Destination
    ledger: Ledger
    mirrors: Mirrors


@pytest.fixture
def served(engine: Warehouse) -> Iterator[Warehouse]:
    """The embedded engine as a server: the same databases over HTTP."""
    empty(engine)
    server = Server(create_app(engine, TOKEN))
    port = server.start().rsplit(":", 1)[1]
    warehouse = Warehouse(f"clickhouse://till:{TOKEN}@127.0.0.1:{port}")
    yield warehouse
    warehouse.close()
    server.stop()
    empty(engine)


@pytest.fixture(params=["memory", "embedded", "served"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Each kind of destination, empty."""
    if request.param == "memory":
        destination = MemoryDestination()
        yield World(destination, MemoryLedger(), destination)
        return
    warehouse = request.getfixturevalue("warehouse" if request.param == "embedded" else "served")
    clickhouse = ClickHouseDestination(warehouse, {}, "store")
    yield World(clickhouse, ClickHouseLedger(warehouse), ClickHouseMirrors(warehouse))
    clickhouse.close()
