"""The ledger in the warehouse: quick among millions, and telling of what landed lately."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tillstream.change import Position
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.ledger import ClickHouseLedger
from tillstream.ledger import Entry, Landing


def test_recent_landings_are_summed_up(warehouse: Warehouse) -> None:
    ledger = ClickHouseLedger(warehouse)
    now = datetime.now(UTC)
    for number in range(1, 11):
        entry = Entry("store", number, Position(number), Position(number + 1), {"a": 2, "b": 3}, "d")
        landed = now - timedelta(seconds=20 - number)
        committed = landed - timedelta(milliseconds=number * 10)
        counts = entry.row_counts
        ledger.done(entry, Landing("store", number, entry.position, counts, 4, committed, landed, landed))
    snapshot = Entry("store", 11, None, Position(0), {"a": 1000}, "d")
    ledger.done(snapshot, Landing("store", 11, snapshot.position, snapshot.row_counts, landed_at=now))
    recent = ledger.recent("store", now - timedelta(seconds=60))
    assert (recent.batch_count, recent.row_count, recent.transaction_count) == (10, 50, 40)
    assert recent.freshness_p50 in (timedelta(milliseconds=50), timedelta(milliseconds=60))
    assert recent.freshness_p99 == timedelta(milliseconds=100)
    assert 0.5 < recent.rows_per_second <= 50 / 60
    assert recent.landed_last_at == now - timedelta(seconds=10)


def test_nothing_recent_is_no_freshness(warehouse: Warehouse) -> None:
    recent = ClickHouseLedger(warehouse).recent("store", datetime.now(UTC) - timedelta(minutes=1))
    assert (recent.batch_count, recent.row_count, recent.freshness_p50, recent.landed_last_at) == (0, 0, None, None)


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
