"""Several loaders and live workers as processes of their own: killed and replaced at any moment, exact in the end."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Start
from tests.cli.run_till import begin, eventually, finish, till
from tests.cli.test_stream import killed
from tests.live.checks import fact_differences, rollup_differences
from tests.services.kafka import Kafka
from tests.services.models import PROFILE
from tillstream.commands.serve import url_of
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.errors import TillError
from tillstream.flow.folder import Role, running
from tillstream.live.layer import LiveLayer
from tillstream.simulate.server import EmbeddedPostgres

COMPARED = {
    "orders": "id, status, total_amount",
    "order_lines": "id, quantity, total_amount",
    "payments": "id, status, amount",
}


@pytest.fixture
def shared(folder: Path, kafka: Kafka) -> Path:
    """A folder with a store of the past and an empty warehouse, whose topics are shared in two lanes."""
    for name in ("warehouse", "dbt"):
        shutil.rmtree(folder / name)
    stream = f'[stream]\nurl = "kafka://{kafka.bootstrap}"\nstore = "{kafka.prefix}"\npartitions = 4\nlanes = 2\n'
    (folder / "till.toml").write_text(f'[source]\nkind = "demo"\n{stream}')
    return folder


def served(folder: Path) -> Warehouse:
    process = running(folder, Role.SERVE)
    assert process is not None
    return Warehouse(url_of(process))


def complaints(folder: Path) -> list[str]:
    """What the warehouse and the store do not agree on, and what its own layers do not."""
    warehouse = served(folder)
    try:
        return [*unlike_the_store(folder, warehouse), *unlike_each_other(warehouse)]
    except (TillError, psycopg.OperationalError) as error:
        # Somebody has not begun yet.
        return [str(error)]
    finally:
        warehouse.close()


def unlike_the_store(folder: Path, warehouse: Warehouse) -> list[str]:
    found = []
    with psycopg.connect(EmbeddedPostgres(folder / "postgres").url) as store:
        for table, columns in COMPARED.items():
            wanted = store.execute(f"select {columns} from {table} order by id").fetchall()
            query = f"select {columns} from mirror.{table} final where _deleted = 0 order by id"
            if warehouse.rows(query) != wanted:
                found.append(table)
    return found


def unlike_each_other(warehouse: Warehouse) -> list[str]:
    layer = LiveLayer(warehouse, PROFILE)
    if not layer.ready:
        return ["models"]
    found = [fact.name for fact in layer.definitions.facts if fact_differences(layer, fact)]
    found += [rollup.name for rollup in layer.definitions.rollups if rollup_differences(layer, rollup)]
    layer.close()
    return found


def test_loaders_and_live_workers_are_killed_and_replaced(shared: Path, start: Start) -> None:
    serve = start("serve", "--dir", shared)
    eventually(lambda: bool((process := running(shared, Role.SERVE)) and process.url), "served")
    start("capture", "--dir", shared)
    loaders = [start("load", "--dir", shared), start("load", "--dir", shared)]
    workers = [start("live", "--dir", shared), start("live", "--dir", shared)]
    eventually(lambda: not complaints(shared), "the history is in every layer", 240)

    url = EmbeddedPostgres(shared / "postgres").url
    shop = begin("simulate", "--url", url, "--rate", "50", "--transactions", "400", "--seed", "3")
    for crew, command in ((loaders, "load"), (workers, "live")):
        killed(crew[0])
        crew[0] = start(command, "--dir", shared)
    assert finish(shop).status == 0
    killed(workers[1])
    killed(loaders[1])
    eventually(lambda: not complaints(shared), "exact after all of them were killed once", 240)
    assert serve.poll() is None

    text = (shared / "till.toml").read_text()
    (shared / "till.toml").write_text(text.replace("lanes = 2", "lanes = 3"))
    refused = till("load", "--dir", shared)
    assert refused.status == 2
    assert "the store was loaded with stream.lanes = 2, not 3" in refused.err
    assert "Set `lanes` in [stream] of till.toml to 2" in refused.err


def test_several_processes_cannot_fill_a_warehouse_that_nobody_serves(shared: Path) -> None:
    answer = till("load", "--dir", shared)

    assert answer.status == 2
    assert "several processes can't share an embedded warehouse that nobody serves" in answer.err
    assert "Start `till serve` in this folder first" in answer.err


def test_a_single_lane_needs_no_live_workers(shared: Path) -> None:
    text = (shared / "till.toml").read_text()
    (shared / "till.toml").write_text(text.replace("lanes = 2", "lanes = 1"))

    answer = till("live", "--dir", shared)

    assert answer.status == 2
    assert "with one lane, `till load` does the live step itself" in answer.err
