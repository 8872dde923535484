"""A PostgreSQL as a source: a snapshot, then the log."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import psycopg

from tillstream.change import Batch, Position, Table
from tillstream.ports import Finding, SourceLag
from tillstream.sources.postgres.catalog import captured_tables
from tillstream.sources.postgres.check import findings
from tillstream.sources.postgres.connection import connect, translated
from tillstream.sources.postgres.decode import Span
from tillstream.sources.postgres.describe import Describer
from tillstream.sources.postgres.place import Place, floors_from, place_from
from tillstream.sources.postgres.publication import (
    Published,
    existing_publications,
    forget_unread,
    look_again,
    publish,
    require_publication,
)
from tillstream.sources.postgres.relation import Relations
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.slot import (
    created_slot,
    drop_slot,
    lag_of,
    require_logical,
    require_slot,
)
from tillstream.sources.postgres.snapshot import Snapshot, estimated_rows
from tillstream.sources.postgres.stream import Stream

# How often, in seconds, the catalog is asked for tables and columns that the log can't tell of.
LOOK_AGAIN = 5.0


class PostgresSource:
    """Implements `ports.Source`. One reader at a time; every other call may come from any thread."""

    def __init__(self, settings: PostgresSettings, name: str = "postgres") -> None:
        self.name = name
        self.settings = settings
        self._stopped = threading.Event()
        self._refresh = threading.Event()
        self._lock = threading.Lock()
        self._acknowledged = 0
        self._reading = False
        self._snapshot: Snapshot | None = None
        self._asking: psycopg.Connection | None = None
        self._asking_lock = threading.Lock()

    def tables(self) -> Sequence[Table]:
        """The captured tables as they are now."""
        with self._asked() as connection:
            return [table.table for table in captured_tables(connection, self.settings)]

    def expected_rows(self) -> dict[str, int]:
        """About how many rows each captured table has, by warehouse name, though it was never analysed."""
        with self._asked() as connection:
            tables = captured_tables(connection, self.settings)
            return {table.table.warehouse_name: estimated_rows(connection, table) for table in tables}

    def refresh(self) -> None:
        """Look for tables that the settings ask for and that are not captured yet; soon, not at once.

        Their rows are read in a snapshot of their own before the log goes on.
        """
        self._refresh.set()

    def read(self, after: Position | None) -> Iterator[Batch]:
        """Yield every change later than `after`, for ever; see `ports.Source`."""
        position = after
        self._reading = True
        while not self._stopped.is_set():
            self._refresh.clear()
            published, is_new = self._prepare(position)
            for batch in self._before_log(position, published, is_new):
                position = batch.position
                yield batch
            start = self._start_of_log(position)
            if position is None or position.lsn == 0:
                yield Batch(position, start, ())
            position, unread = start, bool(published.added)
            for batch in self._log(published, position):
                # What comes behind the snapshot has landed, so the snapshot has.
                if unread and self._acknowledged > start.lsn:
                    self._forget_unread()
                    unread = False
                position = batch.position
                yield batch

    def reread(self, after: Position, until: Position) -> Batch:
        """Exactly the log's changes later than `after` up to `until`, as one batch."""
        with closing(connect(self.settings)) as connection, translated(self.settings):
            require_slot(connection, self.settings.slot)
            require_publication(connection, self.settings)
            publications = existing_publications(connection, self.settings)
        start = self._start_of_log(after)
        with closing(Describer(self.settings)) as describer:
            batch = self._stream(publications, describer).range(Span(start, until, floors_from(after)))
        return Batch(
            after, until, batch.changes, batch.committed_first_at, batch.committed_last_at, batch.transaction_count
        )

    def acknowledge(self, position: Position) -> None:
        """Allow the server to forget the log up to `position`. The reader tells it."""
        with self._lock:
            # Inside a transaction, the start of its commit record: the server then sends all of it again.
            self._acknowledged = max(self._acknowledged, position.lsn)

    def lag(self) -> SourceLag:
        """How far behind the acknowledged position is."""
        with self._asked() as connection:
            return lag_of(connection, self.settings.slot)

    def check(self) -> list[Finding]:
        """Look at settings, rights and tables without changing anything."""
        with closing(connect(self.settings)) as connection, translated(self.settings):
            return findings(connection, self.settings, reading=self._reading)

    def close(self) -> None:
        """End a running `read` and let go of connections; the slot stays."""
        self._stopped.set()
        with self._asking_lock:
            if self._asking is not None:
                self._asking.close()
                self._asking = None

    def _prepare(self, position: Position | None) -> tuple[Published, bool]:
        """Publications and slot, ready to be read. True when the slot has to be made anew."""
        with closing(connect(self.settings)) as connection, translated(self.settings):
            require_logical(connection)
            if position is not None:
                require_slot(connection, self.settings.slot)
                require_publication(connection, self.settings)
                return publish(connection, self.settings, for_the_first_time=False), False
            # A slot without a position comes from a start that did not get as far as its first batch.
            published = publish(connection, self.settings, for_the_first_time=True)
            drop_slot(connection, self.settings.slot)
            return published, True

    def _before_log(self, position: Position | None, published: Published, is_new: bool) -> Iterator[Batch]:
        """Snapshot batches: of all tables at first, of the rest after a break, of added tables later."""
        place = place_from(position) if position is None or position.lsn == 0 else None
        if place is None and position is not None:
            if not published.added:
                return
            old = tuple(t.full_name for t in published.tables if t.full_name not in published.added)
            place = Place(done=old, floors=dict(floors_from(position)), log=(position.lsn, position.ordinal))
        assert place is not None
        if all(table.full_name in place.done for table in published.tables) and not is_new:
            return
        self._snapshot = Snapshot(self.settings, published.tables, self._stopped.is_set)
        exported = created_slot(self.settings, temporary=not is_new)
        yield from self._snapshot.read(position, exported, place)

    def _start_of_log(self, position: Position | None) -> Position:
        """Where the log goes on after that position."""
        if position is not None and position.lsn:
            return position
        place = place_from(position)
        if place.log is not None:
            return Position(*place.log, state=position.state if position else "")
        with closing(connect(self.settings)) as connection, translated(self.settings):
            slot = require_slot(connection, self.settings.slot)
        return Position(slot.confirmed_lsn or 0, 0, position.state if position else "")

    def _forget_unread(self) -> None:
        with closing(connect(self.settings)) as connection, translated(self.settings):
            forget_unread(connection, self.settings)

    def _log(self, published: Published, position: Position) -> Iterator[Batch]:
        with closing(Describer(self.settings)) as describer:
            describer.open()
            stream = self._stream(published.publications, describer)
            looked_at = time.monotonic()
            for batch in stream.read(Span(position, floors=floors_from(position))):
                yield batch
                if time.monotonic() - looked_at > LOOK_AGAIN:
                    self._look_again(published)
                    looked_at = time.monotonic()

    def _look_again(self, published: Published) -> None:
        with self._asked() as connection:
            if look_again(connection, self.settings, published):
                self.refresh()

    def _stream(self, publications: Sequence[str], describer: Describer) -> Stream:
        return Stream(
            settings=self.settings,
            publications=publications,
            relations=Relations(describer),
            acknowledged=lambda: self._acknowledged,
            stopped=lambda: self._stopped.is_set() or self._refresh.is_set(),
        )

    @contextmanager
    def _asked(self) -> Iterator[psycopg.Connection]:
        """One connection for questions, made when it is first needed, for one thread at a time."""
        with self._asking_lock, translated(self.settings):
            if self._asking is None or self._asking.closed:
                self._asking = connect(self.settings)
            yield self._asking
