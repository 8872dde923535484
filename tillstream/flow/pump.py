"""THE LOOP: moves batches from a source to a destination, each exactly once.

The order of the steps is the promise; `docs/explain/exactly-once.md` has the table of what a crash
after each of them leaves behind and how `recover` ends it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tillstream.change import Batch, Changes, Position
from tillstream.errors import LedgerError, Retry, TillError
from tillstream.flow.ahead import ReadAhead
from tillstream.flow.batcher import Batcher
from tillstream.flow.failpoints import failpoint
from tillstream.flow.gate import Gate
from tillstream.ledger import Entry, Landing, Ledger, digest, first_number
from tillstream.ports import Destination, Layer, Source

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0
LONGEST_REST = 0.25
BUSY_ROWS = 50


class Watcher:
    """Is told what the pump does. This one does nothing; override what you want to hear."""

    def landed(self, landing: Landing) -> None:
        """A batch is in every layer."""

    def troubled(self, error: TillError | None) -> None:
        """The flow waits because of `error`; None when it goes on. Called from the pump's thread."""


@dataclass(eq=False)
class Pump:
    """One stream: its source, its destination, and the live layer that follows it."""

    source: Source
    destination: Destination
    ledger: Ledger
    layer: Layer
    batcher: Batcher = field(default_factory=Batcher)
    watcher: Watcher = field(default_factory=Watcher)
    # Called between the snapshot and the log.
    before_stream: Callable[[], None] = lambda: None
    # Pumps that bring batches to one warehouse at the same time need a lane each.
    lane: int = 0
    # Asked before anything is written; raises when another process may have taken over.
    still_ours: Callable[[], None] = lambda: None
    gate: Gate = field(default_factory=Gate, init=False)
    # While the gate is held: takes every change before that position of the store's log, and no other.
    advance_before: Callable[[int, float], None] = field(init=False)
    position: Position | None = field(default=None, init=False)
    _number: int = field(default=0, init=False)
    _begun: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.advance_before = self.gate.advance_before

    @property
    def stream(self) -> str:
        return self.source.name

    def run(self, stop: threading.Event) -> None:
        """Move changes until `stop` is set. What can heal is tried again, ever more slowly; the rest raises."""
        pause = FIRST_PAUSE
        while not stop.is_set():
            try:
                for batch in self.batches(stop):
                    self.move(batch)
                    pause = FIRST_PAUSE
            except TillError as error:
                if error.retry is Retry.NEVER:
                    raise
                self.watcher.troubled(error)
                stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def batches(self, stop: threading.Event) -> Iterator[Batch]:
        """Recover, then read on from there, one batch ahead of the caller, until `stop` is set."""
        self.gate.begin()
        self.position = self.recover()
        self.watcher.troubled(None)
        with ReadAhead(self.source.read(self.position), self.batcher.joined) as ahead:
            streaming = False
            for batch in ahead:
                if stop.is_set():
                    return
                if not streaming and not batch.is_snapshot:
                    self.before_stream()
                    streaming = True
                began = time.monotonic()
                yield from self.gate.pieces(batch)
                # A small batch costs nearly as much as one of fifty rows: where little happens, half the time off
                # saves half the work. Where much happens nothing is held up.
                ahead.gather(min(time.monotonic() - began, LONGEST_REST), lambda batch: batch.row_count >= BUSY_ROWS)

    def move(self, batch: Batch) -> None:
        """Bring one batch to every layer.

        1. Record the intent.
        2. Write bronze; the mirror follows by its views.
        3. Work out what it changes in the live layer, and keep that.
        4. Publish it: facts, and the rollups by their views.
        5. Record that it is done.
        6. Allow the source to forget it.
        """
        if batch.is_empty:
            self._acknowledge(batch.position)
            return
        self._number += 1
        self._begun = time.monotonic()
        entry = Entry(self.stream, self._number, batch.after, batch.position, batch.row_counts, digest(batch))
        failpoint("before_intent")
        self.still_ours()
        self.ledger.intend(entry)  # 1
        failpoint("after_intent")
        self.still_ours()
        self.destination.write(entry.number, batch, entry.token)  # 2
        failpoint("after_write")
        self._finish(entry, batch)

    def recover(self) -> Position | None:
        """End what a crash left open, and say where to go on; None means from the beginning.

        A batch that did not come from the log (a snapshot's, a repair's) is undone: its rows can't be
        read again as they were. A batch of the log is read again, and each step is repeated that can't
        be shown to have happened.
        """
        done = self.ledger.last_done(self.stream)
        # A number is never given twice, not even an abandoned batch's: its tokens are spent.
        self._number = self.ledger.last_number(self.stream) or first_number(self.lane)
        entry = self.ledger.pending(self.stream)
        if entry is None:
            position = done.position if done else None
            if position is not None and position.lsn:
                self.source.acknowledge(position)
            return position
        if entry.log_range is None:
            for table in entry.row_counts:
                self.destination.discard(entry.number, table)
            self.ledger.abandon(entry)
            return done.position if done else None
        self._end(entry, self.source.reread(*entry.log_range))
        return entry.position

    def inject(self, changes: tuple[Changes, ...]) -> None:
        """Bring rows to every layer that did not come through the log. Call it while holding the gate."""
        if self.position is None:
            raise LedgerError("nothing can be repaired before the first batch has landed")
        self.move(Batch(None, self.position, changes))

    def _end(self, entry: Entry, batch: Batch) -> None:
        self._begun = time.monotonic()
        if digest(batch) != entry.digest:
            raise LedgerError(
                f'batch {entry.number} of stream "{entry.stream}" reads differently than before',
                detail=f"{sum(entry.row_counts.values())} rows were announced, {batch.row_count} came.",
                hint="Run `till verify --repair`; if the source was restored from a backup, run `till resync`.",
            )
        arrived = self.destination.arrived(entry.number)
        missing = {name for name, count in entry.row_counts.items() if arrived.get(name, 0) != count}
        for table in missing & arrived.keys():
            self.destination.discard(entry.number, table)
        again = replace(entry, attempt=entry.attempt + 1)
        self.ledger.intend(again)
        rest = tuple(changes for changes in batch.changes if changes.table.warehouse_name in missing)
        self.destination.write(entry.number, replace(batch, changes=rest), again.token)
        self.destination.replay(entry.number, entry.row_counts.keys() - missing)
        self._finish(again, batch, after_crash=True)

    def _finish(self, entry: Entry, batch: Batch, *, after_crash: bool = False) -> None:
        if self.layer.ready:
            if not entry.is_staged:
                self.layer.stage(entry.number, batch)  # 3
                failpoint("after_stage")
                self.ledger.staged(entry)
            self.layer.publish(entry.number)  # 4
            failpoint("after_publish")
            if after_crash:
                self.layer.reconcile(entry.number)
        landing = Landing(
            stream=self.stream,
            number=entry.number,
            position=batch.position,
            row_counts=entry.row_counts,
            transaction_count=batch.transaction_count,
            committed_first_at=batch.committed_first_at,
            committed_last_at=batch.committed_last_at,
            landed_at=datetime.now(UTC),
            op_counts=batch.op_counts,
            seconds=time.monotonic() - self._begun,
        )
        self.ledger.done(entry, landing)  # 5
        failpoint("after_done")
        self.watcher.landed(landing)
        self._acknowledge(batch.position)  # 6
        failpoint("after_acknowledge")

    def _acknowledge(self, position: Position) -> None:
        self.position = position
        if position.lsn:
            self.source.acknowledge(position)
