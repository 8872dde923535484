"""The ledger in the warehouse: quick among millions."""

from __future__ import annotations

from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.ledger import ClickHouseLedger


def test_a_long_ledger_is_not_read_as_a_whole(warehouse: Warehouse) -> None:
    ledger = ClickHouseLedger(warehouse)
    warehouse.execute(
        "insert into till.ledger (stream, number, attempt, state, lsn, landed_at)"
        " select 'store', number + 1, 1, state, number, now64(6) - interval 1 day"
        " from numbers(200000) array join ['intent', 'staged', 'done'] as state"
    )
    done = ledger.last_done("store")
    assert done is not None
    assert done.number == 200_000
    assert ledger.pending("store") is None
    asked = "select number from till.ledger where stream = 'store' and state = 'done'"
    asked += " order by stream desc, number desc, attempt desc, state desc limit 1"
    plan = "\n".join(str(row[0]) for row in warehouse.rows(f"explain {asked}"))
    assert "InReverseOrder" in plan or "Read type: InReverseOrder" in plan, plan
