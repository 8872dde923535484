"""The loop, with the real warehouse: whatever crashes, bronze, mirror and links end as after one clean run."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flow.crashes import run_to_end, run_with_crash
from tests.flow.ends import ClickHouseMirrors, bronze_counts, check_end
from tests.flow.histories import History, histories
from tests.services.warehouse import empty
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.destination import ClickHouseDestination
from tillstream.destinations.clickhouse.ledger import ClickHouseLedger
from tillstream.destinations.memory import MemoryLayer
from tillstream.flow.failpoints import FAILPOINTS

LINKS = {"lines": ("order_id",)}
WITH_ENGINE = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

Parts = tuple[ClickHouseDestination, ClickHouseLedger, MemoryLayer]


def parts(warehouse: Warehouse) -> Parts:
    empty(warehouse)
    destination = ClickHouseDestination(warehouse, LINKS, "store")
    return destination, ClickHouseLedger(warehouse), MemoryLayer(ClickHouseMirrors(warehouse))


def check(history: History, warehouse: Warehouse, parts: Parts) -> None:
    destination, ledger, layer = parts
    counts = bronze_counts(destination, range(1, ledger.last_number("store") + 1))
    check_end(history, ClickHouseMirrors(warehouse), layer, counts)
    assert warehouse.value("select count() from till.quarantine final") == 0
    destination.close()


def linked(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.rows("select * from mirror.links final order by all")


@WITH_ENGINE
@given(history=histories())
def test_the_mirror_ends_as_the_store_is(warehouse: Warehouse, history: History) -> None:
    made = parts(warehouse)
    run_to_end(history.log, *made)
    check(history, warehouse, made)


@WITH_ENGINE
@given(history=histories(), failpoint=st.sampled_from(FAILPOINTS), times=st.integers(1, 4))
def test_a_crash_anywhere_changes_nothing_of_the_end(
    warehouse: Warehouse, history: History, failpoint: str, times: int
) -> None:
    made = parts(warehouse)
    run_to_end(history.log, *made)
    expected = linked(warehouse)
    made = parts(warehouse)
    run_with_crash(history.log, made, failpoint, times)
    check(history, warehouse, made)
    assert linked(warehouse) == expected
