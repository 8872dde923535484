"""What the pump does when something fails: it waits where waiting helps, and stops with a reason where not."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.destinations.rows import Row, batch, changes
from tests.flow.crashes import run_to_end
from tests.flow.histories import EVENTS, WIDER
from tests.flow.log import Log
from tillstream.change import Batch, Position
from tillstream.destinations.memory import MemoryDestination, MemoryLayer, MemoryLedger
from tillstream.errors import LedgerError, SchemaChangeRefused, TillError, WarehouseFull
from tillstream.flow import pump as pump_module
from tillstream.flow.batcher import Batcher
from tillstream.flow.failpoints import crash_at
from tillstream.flow.pump import Pump, Watcher
from tillstream.ledger import Landing
from tillstream.settings import BatchSettings


class Notes(Watcher):
    def __init__(self, stop_after: int, stop: threading.Event) -> None:
        self.landings: list[Landing] = []
        self.troubles: list[str | None] = []
        self._stop_after = stop_after
        self._stop = stop

    def landed(self, landing: Landing) -> None:
        self.landings.append(landing)
        if len(self.landings) == self._stop_after:
            self._stop.set()

    def troubled(self, error: TillError | None) -> None:
        self.troubles.append(error.message if error else None)


class FailingDestination(MemoryDestination):
    """Fails as often as it is told, then works."""

    def __init__(self, errors: list[TillError]) -> None:
        super().__init__()
        self.errors = errors

    def write(self, number: int, batch: Batch, token: str) -> None:
        if self.errors:
            raise self.errors.pop(0)
        super().write(number, batch, token)


class EndlessLog(Log):
    """Goes on with empty batches, as a real source does."""

    def read(self, after: Position | None) -> Iterator[Batch]:
        last = after or Position(self.slot_lsn)
        for each in super().read(after):
            yield each
            last = each.position
        while True:
            yield Batch(last, last, ())


IN_PAIRS = Batcher(BatchSettings(rows=1))


def log(count: int = 4) -> EndlessLog:
    transactions = [[(EVENTS, Row(101 + place, "I", {"name": str(place), "amount": "1"}))] for place in range(count)]
    return EndlessLog([(EVENTS, b"start\t1\n")], transactions)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump_module, "FIRST_PAUSE", 0.001)


def test_what_heals_is_tried_again_until_it_does() -> None:
    stop = threading.Event()
    destination = FailingDestination([WarehouseFull("full", hint="Free space.")] * 3)
    notes = Notes(3, stop)
    source = log()
    pump = Pump(source, destination, MemoryLedger(), MemoryLayer(destination), IN_PAIRS, notes)
    pump.run(stop)
    assert notes.troubles == [None, "full", None, "full", None, "full", None]
    assert sorted(str(row["name"]) for row in destination.rows("events")) == ["0", "1", "2", "3", "start"]
    assert source.acknowledged


def test_what_does_not_heal_stops_it() -> None:
    stop = threading.Event()
    refused = SchemaChangeRefused("changed", hint="Run `till resync`.")
    destination = FailingDestination([refused])
    pump = Pump(log(), destination, MemoryLedger(), MemoryLayer(destination), watcher=Notes(9, stop))
    with pytest.raises(SchemaChangeRefused):
        pump.run(stop)


def test_a_log_that_reads_differently_after_a_crash_stops_it_with_a_way_out() -> None:
    destination, ledger = MemoryDestination(), MemoryLedger()
    layer = MemoryLayer(destination)
    source = Log([], [[(EVENTS, Row(101, "I", {"name": "a", "amount": "1"}))]])
    with crash_at("after_write"):
        run_to_end(source, destination, ledger, layer)
    # Without an earlier position there would be nothing to read again from.
    restored = Log([], [[(EVENTS, Row(101, "I", {"name": "another", "amount": "1"}))]])
    with pytest.raises(LedgerError) as different:
        run_to_end(restored, destination, ledger, layer)
    assert different.value.message == 'batch 1 of stream "store" reads differently than before'
    assert "till verify --repair" in different.value.hint


def test_a_table_of_which_a_part_arrived_is_emptied_of_the_batch_and_written_again() -> None:
    destination, ledger = MemoryDestination(), MemoryLedger()
    layer = MemoryLayer(destination)
    rows = [
        (EVENTS, Row(101, "I", {"name": "before", "amount": "1"}, 1)),
        (WIDER, Row(101, "I", {"name": "after", "amount": "1", "reason": "x"}, 3)),
    ]
    source = Log([], [rows])
    with crash_at("during_write"):
        run_to_end(source, destination, ledger, layer)
    assert destination.arrived(1) == {"events": 1}
    run_to_end(source, destination, ledger, layer)
    assert destination.arrived(1) == {"events": 2}
    assert sorted(str(row["name"]) for row in destination.rows("events")) == ["after", "before"]


def test_nothing_can_be_repaired_before_the_first_batch() -> None:
    destination = MemoryDestination()
    pump = Pump(log(), destination, MemoryLedger(), MemoryLayer(destination))
    with pytest.raises(LedgerError, match="nothing can be repaired before the first batch has landed"):
        pump.inject(())


def test_a_repair_that_crashes_is_undone() -> None:
    destination, ledger = MemoryDestination(), MemoryLedger()
    layer = MemoryLayer(destination)
    source = Log([(EVENTS, b"start\t1\n")], [[(EVENTS, Row(101, "I", {"name": "a", "amount": "1"}))]])
    pump = run_to_end(source, destination, ledger, layer)
    with crash_at("after_write"):
        pump.inject(batch(changes(EVENTS, Row(101, "I", {"name": "again", "amount": "1"}, 5))).changes)
    run_to_end(source, destination, ledger, layer)
    assert sorted(str(row["name"]) for row in destination.rows("events")) == ["a", "start"]
    assert ledger.pending("store") is None
