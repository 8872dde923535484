"""The supervisor: phases, draining, trouble, and an end in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from tillstream.change import META_SCHEMA, Batch, Changes, Column, ColumnType, Position, Table, TabSeparated
from tillstream.errors import ModelError, SourceUnreachable, TillError
from tillstream.flow.pipeline import Pipeline
from tillstream.flow.supervisor import Supervisor
from tillstream.ledger import Entry, Landing
from tillstream.ports import Finding, SourceLag
from tillstream.watch.events import Event, TroubleBegan, TroubleEnded, WentLive
from tillstream.watch.status import Phase

ORDERS = Table("public", "orders", (Column("id", ColumnType("int64"), "bigint"),), ("id",))


class ScriptedSource:
    """Yields what the test gives it, an empty batch every few milliseconds, and raises errors on request."""

    name = "store"

    def __init__(self, snapshot: Sequence[Batch] = ()) -> None:
        self.snapshot = list(snapshot)
        self.waiting: list[Batch] = []
        self.errors: list[TillError] = []
        self.acknowledged: list[int] = []
        self.head = 100
        self.closed = False

    def tables(self) -> Sequence[Table]:
        return [ORDERS]

    def read(self, after: Position | None) -> Iterator[Batch]:
        yield from self.snapshot if after is None else ()
        while True:
            if self.errors:
                raise self.errors.pop(0)
            if self.waiting:
                yield self.waiting.pop(0)
            else:
                yield Batch(None, Position(self.head), ())
                time.sleep(0.005)

    def reread(self, after: Position, until: Position) -> Batch:
        raise AssertionError((after, until))

    def acknowledge(self, position: Position) -> None:
        self.acknowledged.append(position.lsn)

    def lag(self) -> SourceLag:
        return SourceLag(0, 0, None, "reserved")

    def check(self) -> list[Finding]:
        return []

    def close(self) -> None:
        self.closed = True


class RememberingDestination:
    def __init__(self) -> None:
        self.written: list[int] = []

    def ensure(self, table: Table) -> None: ...

    def write(self, number: int, batch: Batch, token: str) -> None:
        self.written.append(batch.row_count)

    def arrived(self, number: int) -> dict[str, int]:
        return {}

    def replay(self, number: int, tables: Collection[str]) -> None: ...

    def discard(self, number: int, table: str) -> None: ...


class ShortLedger:
    def __init__(self) -> None:
        self.last: Entry | None = None

    def last_done(self, stream: str) -> Entry | None:
        return self.last

    def last_number(self, stream: str) -> int:
        return self.last.number if self.last else 0

    def pending(self, stream: str) -> Entry | None:
        return None

    def intend(self, entry: Entry) -> None: ...

    def staged(self, entry: Entry) -> None: ...

    def done(self, entry: Entry, landing: Landing) -> None:
        self.last = entry

    def abandon(self, entry: Entry) -> None: ...


class NoLayer:
    ready = False

    def stage(self, number: int, batch: Batch) -> None: ...

    def publish(self, number: int) -> None: ...

    def reconcile(self, number: int) -> int:
        return 0


def snapshot_batch(rows: int) -> Batch:
    data = "".join(f"{number}\n" for number in range(rows)).encode()
    piece = TabSeparated(data, rows, 90, datetime.now(UTC))
    return Batch(None, Position(0, 0, "{}"), (Changes(ORDERS, piece),))


def log_batch(lsn: int, rows: int) -> Batch:
    now = datetime.now(UTC)
    columns = {
        "_till_lsn": [lsn] * rows,
        "_till_ordinal": range(rows),
        "_till_op": ["I"] * rows,
        "_till_xid": [1] * rows,
        "_till_committed_at": [now] * rows,
        "_till_unchanged": [[]] * rows,
        "_till_before": [None] * rows,
        "id": [str(number) for number in range(rows)],
    }
    schema = pa.schema([*META_SCHEMA, ("id", pa.string())])
    changes = Changes(ORDERS, pa.table({name: list(values) for name, values in columns.items()}, schema=schema))
    return Batch(Position(lsn - 1), Position(lsn), (changes,), now, now, 1)


class Stage:
    """A supervisor on scripted parts, with its events."""

    def __init__(self, folder: Path, source: ScriptedSource, deploy: Callable[[], None] = lambda: None) -> None:
        self.events: list[Event] = []
        self.source = source
        self.destination = RememberingDestination()
        self.closed = threading.Event()
        pipeline = Pipeline(
            source,
            self.destination,
            ShortLedger(),
            NoLayer(),
            "chdb:",
            deploy=deploy,
            expected_rows=lambda: {"orders": 4},
            close=self.closed.set,
        )
        self.supervisor = Supervisor(folder, pipeline, self.events.append)

    def wait_for(self, phase: Phase) -> None:
        self.wait_until(lambda: self.supervisor.status().phase is phase, str(phase))

    def wait_until(self, claim: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 10
        while not claim():
            assert time.monotonic() < deadline, f"not {what}: {self.supervisor.status()}"
            time.sleep(0.005)

    def saw(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in self.events)


def test_the_models_are_deployed_between_the_snapshot_and_the_log(tmp_path: Path) -> None:
    order: list[int] = []
    source = ScriptedSource([snapshot_batch(3), snapshot_batch(1)])
    stage = Stage(tmp_path, source, deploy=lambda: order.append(len(stage.destination.written)))
    source.waiting.append(log_batch(101, 5))

    stage.supervisor.start()
    assert stage.supervisor.drain(100, 10)
    status = stage.supervisor.status()
    stage.supervisor.stop()

    assert order == [2]
    assert status.phase is Phase.LIVE
    assert status.snapshot_fraction == 1.0
    assert (status.numbers.snapshot_rows, status.numbers.changes) == (4, 5)
    assert stage.saw(WentLive) == 1


def test_draining_waits_for_the_position(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ScriptedSource())
    stage.supervisor.start()

    assert not stage.supervisor.drain(200, 0.2)
    stage.source.head = 200
    assert stage.supervisor.drain(200, 10)
    stage.supervisor.stop()


def test_the_end_closes_everything_and_leaves_no_trace(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ScriptedSource())
    stage.supervisor.start(token="secret")
    stage.wait_for(Phase.LIVE)
    assert (tmp_path / "till.json").exists()

    stage.supervisor.stop()

    assert stage.source.closed
    assert stage.closed.is_set()
    assert stage.supervisor.ended
    assert stage.supervisor.status().phase is Phase.STOPPED
    assert not (tmp_path / "till.json").exists()


def test_what_can_heal_is_trouble_and_then_over(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ScriptedSource())
    stage.supervisor.start()
    stage.wait_for(Phase.LIVE)

    stage.source.errors.append(SourceUnreachable("no connection", hint="start the server"))
    stage.wait_for(Phase.TROUBLE)
    trouble = stage.supervisor.status().trouble
    stage.wait_for(Phase.LIVE)
    stage.supervisor.stop()

    assert trouble is not None
    assert (trouble.message, trouble.hint) == ("no connection", "start the server")
    assert stage.supervisor.status().trouble is None
    assert (stage.saw(TroubleBegan), stage.saw(TroubleEnded)) == (1, 1)


def test_what_can_not_heal_ends_the_pump_and_is_raised(tmp_path: Path) -> None:
    def broken() -> None:
        raise ModelError("model broken")

    stage = Stage(tmp_path, ScriptedSource(), deploy=broken)
    stage.supervisor.start()
    stage.wait_for(Phase.FAILED)

    with pytest.raises(ModelError):
        stage.supervisor.raise_failure()
    assert not stage.supervisor.drain(1, 10)
    stage.supervisor.stop()

    assert stage.supervisor.status().phase is Phase.FAILED
    assert stage.closed.is_set()


def test_an_error_of_ours_is_kept_and_told_too(tmp_path: Path) -> None:
    def broken() -> None:
        raise ValueError("invalid literal for int(): 'jane@example.org'")

    stage = Stage(tmp_path, ScriptedSource(), deploy=broken)
    stage.supervisor.start()
    stage.wait_for(Phase.FAILED)
    stage.supervisor.stop()

    trouble = stage.supervisor.status().trouble
    assert trouble is not None
    assert trouble.message.startswith("unexpected ValueError in test_supervisor.py:")
    assert "invalid literal" in trouble.detail
    assert "report it" in trouble.hint
    assert "jane" not in repr(stage.events)


def test_every_landing_is_told_to_listeners(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ScriptedSource())
    heard: list[int] = []
    stage.supervisor.listeners.append(lambda landing: heard.append(landing.row_count))
    stage.source.waiting += [log_batch(101, 2), log_batch(102, 3)]

    stage.supervisor.start()
    stage.wait_until(lambda: sum(heard) == 5, "heard")
    stage.supervisor.stop()

    assert sum(heard) == 5


def test_a_page_that_can_not_be_served_stops_the_start(tmp_path: Path) -> None:
    class Broken:
        def start(self) -> str:
            raise TillError("port 1 is in use")

        def stop(self) -> None: ...

    stage = Stage(tmp_path, ScriptedSource())
    with pytest.raises(TillError):
        stage.supervisor.start(Broken())
    stage.supervisor.stop()

    assert stage.source.closed
    assert not (tmp_path / "till.json").exists()
