"""A store in memory with the contract of a real source: for tests of everything that comes after a source."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa

from tillstream.change import META_SCHEMA, Batch, Changes, Op, Position, Table, TabSeparated
from tillstream.errors import SlotLost
from tillstream.ports import Finding, SourceLag

Row = Mapping[str, str | None]
Key = tuple[str | None, ...]
_LSN_STEP = 1 << 12
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True, slots=True)
class Write:
    """One write of a transaction. `was` is the key before an update that changes it."""

    op: Op
    table: Table
    row: Row = field(default_factory=dict)
    was: Row | None = None
    unchanged: tuple[str, ...] = ()
    before: str | None = None


@dataclass(frozen=True, slots=True)
class _Committed:
    """One row of the log."""

    lsn: int
    ordinal: int
    at: datetime
    write: Write

    @property
    def position(self) -> Position:
        return Position(self.lsn, self.ordinal)


class MemorySource:
    """Tables, their rows and a log of what was committed. `commit` may be called from any thread."""

    def __init__(self, tables: Sequence[Table], name: str = "memory", rows_per_batch: int = 1000) -> None:
        self.name = name
        self.rows_per_batch = rows_per_batch
        self.acknowledged = Position(0)
        self._tables = {table.full_name: table for table in tables}
        self._rows: dict[str, dict[Key, Row]] = {table.full_name: {} for table in tables}
        self._log: list[_Committed] = []
        self._forgotten = Position(0)
        self._end = _LSN_STEP
        self._changed = threading.Condition()
        self._is_closed = False

    def commit(self, *writes: Write) -> Position:
        """Do the writes as one transaction. Returns the position after it."""
        with self._changed:
            lsn, at = self._end, datetime.now(UTC)
            for place, write in enumerate(writes, start=1):
                self._apply(write, lsn, place)
                if write.was is not None:
                    left = Write(Op.DELETE, write.table, write.was)
                    self._log.append(_Committed(lsn, place * 2, at, left))
                is_delete = write.op is Op.DELETE
                self._log.append(_Committed(lsn, place * 2 + (not is_delete), at, write))
            self._end += _LSN_STEP
            self._changed.notify_all()
            return Position(self._end)

    def rows(self, table: Table) -> list[Row]:
        """The table's rows as they are now, in the order of their keys."""
        with self._changed:
            kept = self._rows[table.full_name]
            return [kept[key] for key in sorted(kept, key=str)]

    def tables(self) -> Sequence[Table]:
        """The captured tables as they are now."""
        return list(self._tables.values())

    def read(self, after: Position | None) -> Iterator[Batch]:
        """Yield every change later than `after`, for ever; see `ports.Source`."""
        position = after
        if position is None or position.lsn == 0:
            for batch in self._snapshot(position):
                position = batch.position
                yield batch
            point = Position(json.loads(position.state)["point"] if position else self._begin())
            yield Batch(position, point, ())
            position = point
        while not self._is_closed:
            batch = self._next(position)
            position = batch.position
            yield batch

    def reread(self, after: Position, until: Position) -> Batch:
        """Exactly the log's changes later than `after` up to `until`, as one batch."""
        with self._changed:
            found = self._later(after)
        return _batch(after, until, [one for one in found if one.position <= until])

    def acknowledge(self, position: Position) -> None:
        """Forget everything up to and including `position`."""
        with self._changed:
            self.acknowledged = max(self.acknowledged, position)
            while self._log and self._log[0].position <= self.acknowledged:
                self._forgotten = self._log.pop(0).position

    def lag(self) -> SourceLag:
        """Rows stand for bytes here."""
        return SourceLag(len(self._log), len(self._log), None, "active")

    def check(self) -> list[Finding]:
        """Nothing can be wrong with it."""
        return [Finding("memory", True, f"{len(self._tables)} tables")]

    def close(self) -> None:
        """End a running `read`."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _begin(self) -> int:
        with self._changed:
            return self._end

    def _apply(self, write: Write, lsn: int, place: int) -> None:
        table = write.table
        self._tables[table.full_name] = table
        rows = self._rows.setdefault(table.full_name, {})
        if write.op is Op.TRUNCATE:
            rows.clear()
            return
        if write.was is not None:
            rows.pop(tuple(write.was[name] for name in table.key), None)
        key = tuple(write.row[name] for name in table.key) or (f"{lsn:020}.{place:010}",)
        if write.op is Op.DELETE:
            rows.pop(key, None)
        else:
            kept = {name: rows[key][name] for name in write.unchanged} if key in rows else {}
            rows[key] = {**write.row, **kept}

    def _snapshot(self, after: Position | None) -> Iterator[Batch]:
        """One batch per table that is not done; rows as they are now."""
        done: list[str] = json.loads(after.state)["done"] if after else []
        number = after.ordinal if after else 0
        point: int = json.loads(after.state)["point"] if after else self._begin()
        for name in sorted(set(self._tables) - set(done)):
            with self._changed:
                now, table, rows = self._end, self._tables[name], list(self._rows[name].values())
            done = [*done, name]
            if not rows:
                continue
            number += 1
            data = "".join(_line(table, row) for row in rows).encode()
            # Rows without a key share no version with the log, whose first row may be at this very point.
            lsn, first = (now, 0) if table.key else (now - 1, 1)
            piece = TabSeparated(data, len(rows), lsn, datetime.now(UTC), first)
            position = Position(0, number, json.dumps({"done": done, "point": point}))
            yield Batch(after, position, (Changes(table, piece),))
            after = position

    def _later(self, after: Position) -> list[_Committed]:
        if after < self._forgotten:
            raise SlotLost(
                f'source "{self.name}" has forgotten what came after position {after.lsn}',
                detail=f"It was allowed to forget up to position {self._forgotten.lsn}.",
            )
        return [one for one in self._log if one.position > after]

    def _next(self, after: Position) -> Batch:
        with self._changed:
            found = self._later(after)
            if not found and self._end <= after.lsn:
                self._changed.wait(0.05)
                found = self._later(after)
            end = self._end
        cut = self.rows_per_batch
        if len(found) <= cut:
            return _batch(after, max(after, Position(end)), found)
        # A key change is not torn apart.
        while cut < len(found) and (found[cut].lsn, found[cut].ordinal // 2) == (
            found[cut - 1].lsn,
            found[cut - 1].ordinal // 2,
        ):
            cut += 1
        last = found[cut - 1]
        return _batch(after, Position(last.lsn, last.ordinal | 1), found[:cut])


def _batch(after: Position, position: Position, found: Sequence[_Committed]) -> Batch:
    by_table: dict[Table, list[_Committed]] = {}
    for one in found:
        by_table.setdefault(one.write.table, []).append(one)
    changes = tuple(Changes(table, _arrow(table, part)) for table, part in by_table.items())
    transactions = len({one.lsn for one in found})
    first, last = (found[0].at, found[-1].at) if found else (None, None)
    return Batch(after, position, changes, first, last, transactions)


def _arrow(table: Table, found: Sequence[_Committed]) -> pa.Table:
    meta = {
        "_till_lsn": [one.lsn for one in found],
        "_till_ordinal": [one.ordinal for one in found],
        "_till_op": [one.write.op.value for one in found],
        "_till_xid": [one.lsn // _LSN_STEP for one in found],
        "_till_committed_at": [one.at for one in found],
        "_till_unchanged": [list(one.write.unchanged) for one in found],
        "_till_before": [one.write.before for one in found],
    }
    columns = [pa.array(meta[part.name], part.type) for part in META_SCHEMA]
    columns += [pa.array([_value(table, one.write, c.name) for one in found], pa.string()) for c in table.columns]
    return pa.Table.from_arrays(columns, names=[*META_SCHEMA.names, *(column.name for column in table.columns)])


def _value(table: Table, write: Write, column: str) -> str | None:
    if write.op is Op.TRUNCATE or column in write.unchanged or (write.op is Op.DELETE and column not in table.key):
        return None
    return write.row.get(column)


def _line(table: Table, row: Row) -> str:
    cells = ["\\N" if (text := row.get(c.name)) is None else text.translate(_ESCAPES) for c in table.columns]
    return "\t".join(cells) + "\n"
