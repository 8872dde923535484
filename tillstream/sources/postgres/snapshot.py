"""The rows that were there before the log: read in one snapshot, resumable at table and key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import psycopg
import pyarrow as pa

from tillstream.change import META_SCHEMA, Batch, Changes, Op, Position, Table, TabSeparated
from tillstream.sources.postgres.catalog import CapturedTable, literal, quoted
from tillstream.sources.postgres.connection import connect, translated
from tillstream.sources.postgres.copying import copied, last_row
from tillstream.sources.postgres.place import Place, place_from
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.slot import ExportedSnapshot

# Snapshot rows meet no live step; larger pieces than the log's are cheaper.
_ROWS_FACTOR = 10


class Snapshot:
    """Reads tables one after another, each in the order of its key.

    A snapshot that was broken off goes on in a later one: rows carry the exact point they were read at,
    and the log is read from the first point on, so later versions win whatever comes first.
    """

    def __init__(self, settings: PostgresSettings, tables: Sequence[CapturedTable], stopped: Callable[[], bool]):
        self._settings = settings
        self._tables = tables
        self._stopped = stopped
        self.place = Place()

    def read(
        self, after: Position | None, exported: AbstractContextManager[ExportedSnapshot], place: Place | None = None
    ) -> Iterator[Batch]:
        """The batches later than `after`, read in a snapshot that is exported for as long as this takes."""
        self.place = place or place_from(after)
        number = after.ordinal if after else 0
        held: tuple[tuple[Changes, ...], Place] | None = None
        with exported as snapshot, closing(connect(self._settings)) as connection, translated(self._settings):
            connection.execute("begin isolation level repeatable read read only")
            connection.execute(f"set transaction snapshot '{snapshot.name}'")
            # Each batch waits for the next one, so that the last of a table can say that the table is finished.
            for changes, reached in self._pieces(connection, snapshot.lsn):
                self.place = reached
                if held is not None and self._fit_together(held[0], changes):
                    held = (*held[0], *changes), reached
                    continue
                if held is not None:
                    number += 1
                    yield _batch(after, held, number)
                    after = held[1].position(number)
                held = (changes, reached) if changes else None
            if held is not None and not self._stopped():
                yield _batch(after, held, number + 1)

    def _fit_together(self, first: tuple[Changes, ...], second: tuple[Changes, ...]) -> bool:
        """Whether both make one batch; no changes fit to any. Small tables would not be worth one each."""
        both = (*first, *second)
        size = sum(len(changes.rows.data) for changes in both if isinstance(changes.rows, TabSeparated))
        limits = self._settings.limits
        row_count = sum(changes.row_count for changes in both)
        return not second or (size <= limits.bytes and row_count <= limits.rows * _ROWS_FACTOR)

    def _pieces(self, connection: psycopg.Connection, lsn: int) -> Iterator[tuple[tuple[Changes, ...], Place]]:
        """Changes with the place after them; no changes where only the place moves on."""
        for table in self._tables:
            if table.full_name in self.place.done:
                continue
            reader = _keyed if table.table.key else _keyless
            for piece in reader(table, self.place, lsn):
                yield from self._copy(connection, table, piece)
            if self._stopped():
                return
            yield (), self.place.finished(table.full_name)

    def _copy(
        self, connection: psycopg.Connection, table: CapturedTable, reading: _Reading
    ) -> Iterator[tuple[tuple[Changes, ...], Place]]:
        if reading.first is not None:
            yield (reading.first,), reading.place
        limits, ordinal = self._settings.limits, reading.first_ordinal
        max_rows = limits.rows * _ROWS_FACTOR
        for data, row_count in copied(connection, reading.query, max_rows, limits.bytes, self._stopped):
            rows = TabSeparated(data, row_count, reading.lsn, datetime.now(UTC), ordinal)
            if not table.table.key:
                ordinal += row_count
            yield (Changes(table.table, rows),), replace(reading.place, key=_last_key(table.table, data))


def estimated_rows(connection: psycopg.Connection, table: CapturedTable) -> int:
    """What the planner thinks: it looks at the size of a table that was never analysed."""
    row = connection.execute(f"explain (format json) select 1 from {_from(table)}").fetchone()
    assert row is not None
    return int(row[0][0]["Plan"]["Plan Rows"])


@dataclass(frozen=True, slots=True)
class _Reading:
    """How one table is read: the query, the point its rows carry, and what has to come before them."""

    query: str
    lsn: int
    place: Place
    first: Changes | None = None
    first_ordinal: int = 0


def _keyed(table: CapturedTable, place: Place, lsn: int) -> Iterator[_Reading]:
    key = ", ".join(map(quoted, table.table.key))
    resumed = place.table == table.full_name and place.key
    where = f" where ({key}) > ({', '.join(map(literal, place.key))})" if resumed else ""
    query = f"select {_columns(table.table)} from {_from(table)}{where} order by {key}"
    started = place if resumed else replace(place, table=table.full_name, key=())
    yield _Reading(query, lsn, started)


def _keyless(table: CapturedTable, place: Place, lsn: int) -> Iterator[_Reading]:
    """Without a key there is nothing to go on from: what came before a break is thrown away.

    Rows carry the last place before the snapshot's point, because the log's first row may be at the point.
    """
    query = f"select {_columns(table.table)} from {_from(table)}"
    # A table that is added later may have been read before, when a crash came between.
    broken_off = place.table == table.full_name or place.log is not None
    floors = {**place.floors, table.full_name: lsn} if broken_off else place.floors
    started = replace(place, table=table.full_name, key=(), floors=floors)
    first = Changes(table.table, _truncation(table.table, lsn - 1)) if broken_off else None
    yield _Reading(query, lsn - 1, started, first, first_ordinal=1)


def _truncation(table: Table, lsn: int) -> pa.Table:
    values = {
        "_till_lsn": [lsn],
        "_till_ordinal": [0],
        "_till_op": [Op.TRUNCATE.value],
        "_till_xid": [0],
        "_till_committed_at": [datetime.now(UTC)],
        "_till_unchanged": [[]],
        "_till_before": [None],
    }
    meta = [pa.array(values[field.name], field.type) for field in META_SCHEMA]
    own = [pa.nulls(1, pa.string()) for _ in table.columns]
    return pa.Table.from_arrays([*meta, *own], names=[*META_SCHEMA.names, *(column.name for column in table.columns)])


def _columns(table: Table) -> str:
    return ", ".join(quoted(column.name) for column in table.columns)


def _from(table: CapturedTable) -> str:
    """Children of a plain table are tables of their own; partitions are part of theirs."""
    return table.sql_name if table.is_partitioned else f"only {table.sql_name}"


def _last_key(table: Table, data: bytes) -> tuple[str, ...]:
    if not table.key:
        return ()
    row = last_row(data)
    names = [column.name for column in table.columns]
    return tuple(row[names.index(name)] or "" for name in table.key)


def _batch(after: Position | None, held: tuple[tuple[Changes, ...], Place], number: int) -> Batch:
    changes, place = held
    return Batch(after, place.position(number), changes)
