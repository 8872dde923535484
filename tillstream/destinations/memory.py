"""A warehouse in memory, with the same contract as the real one: for tests, and to try things out.

What is kept survives the pump, not the process: a "crash" in a test throws the pump away and hands
the same destination, ledger and layer to the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import pyarrow as pa

from tillstream.change import Batch, Changes, Op, Refused, Table, TabSeparated
from tillstream.destinations.clickhouse.unchanged import Key, Known, completed, incomplete
from tillstream.destinations.clickhouse.widening import grown
from tillstream.flow.failpoints import failpoint
from tillstream.ledger import Entry, Landing

Texts = dict[str, str | None]

_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Written:
    """A row of bronze."""

    version: int
    op: str
    texts: Texts


@dataclass(slots=True)
class Room:
    """One table: its columns so far, its bronze rows by batch, and its mirror by key."""

    layout: Table
    bronze: dict[int, list[Written]] = field(default_factory=dict)
    mirror: dict[Key, Written] = field(default_factory=dict)


class MemoryDestination:
    """Implements `tillstream.ports.Destination`."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}
        self.refused: dict[tuple[str, str], Refused] = {}
        self._tokens: set[str] = set()

    def ensure(self, table: Table) -> None:
        """Make room for a table, or follow a change of its columns."""
        room = self.rooms.get(table.warehouse_name)
        if room is None:
            self.rooms[table.warehouse_name] = Room(table)
        else:
            room.layout = grown(room.layout, table)

    def write(self, number: int, batch: Batch, token: str) -> None:
        """Append the batch to bronze and bring the mirror up to it."""
        for changes in batch.changes:
            self.ensure(changes.table)
        for place, changes in enumerate(batch.changes):
            mark = f"{token}:{place}"
            if mark not in self._tokens:
                self._append(number, changes)
                self._tokens.add(mark)
            failpoint("during_write")
        self.refused.update({(entry.origin, entry.position): entry for entry in batch.refused})

    def arrived(self, number: int) -> dict[str, int]:
        """Bronze rows of that batch, by warehouse table name."""
        return {name: len(room.bronze[number]) for name, room in self.rooms.items() if room.bronze.get(number)}

    def replay(self, number: int, tables: Collection[str]) -> None:
        """Bring the mirror of these tables up to what bronze has of that batch."""
        for name in tables:
            _mirror(self.rooms[name], self.rooms[name].bronze.get(number, []))

    def discard(self, number: int, table: str) -> None:
        """Remove that batch's rows of one table from bronze; a mirror without a key loses them, too."""
        room = self.rooms.get(table)
        rows = room.bronze.pop(number, []) if room else []
        if room and not room.layout.key:
            for row in rows:
                room.mirror.pop((str(row.version),), None)

    def rows(self, name: str) -> list[Texts]:
        """The rows the mirror shows, with every column the table ever had."""
        room = self.rooms[name]
        names = [column.name for column in room.layout.columns]
        return [
            {column: row.texts.get(column) for column in names}
            for row in room.mirror.values()
            if row.op not in (Op.DELETE, Op.TRUNCATE)
        ]

    def _append(self, number: int, changes: Changes) -> None:
        room = self.rooms[changes.table.warehouse_name]
        written = list(_written(changes, room))
        room.bronze.setdefault(number, []).extend(written)
        _mirror(room, written)


def _written(changes: Changes, room: Room) -> Iterator[Written]:
    rows, table = changes.rows, changes.table
    if isinstance(rows, TabSeparated):
        for place, line in enumerate(rows.data.decode().split("\n")[:-1]):
            texts = dict(zip((column.name for column in table.columns), map(_unescaped, line.split("\t")), strict=True))
            ordinal = 0 if table.key else rows.first_ordinal + place
            yield Written(rows.lsn << 32 | ordinal, Op.SNAPSHOT, texts)
        return
    if table.key and incomplete(rows):
        rows, _ = completed(table, rows, lambda keys, names: _known(room, keys, names))
    yield from _from_arrow(table, rows)


def _from_arrow(table: Table, rows: pa.Table) -> Iterator[Written]:
    for row in rows.to_pylist():
        texts = {column.name: row[column.name] for column in table.columns}
        yield Written(row["_till_lsn"] << 32 | row["_till_ordinal"], row["_till_op"], texts)


def _known(room: Room, keys: Collection[Key], names: Sequence[str]) -> Mapping[Key, Known]:
    return {
        key: Known(row.version, {name: row.texts.get(name) for name in names})
        for key in keys
        if (row := room.mirror.get(key)) is not None and row.op != Op.DELETE
    }


def _mirror(room: Room, rows: Sequence[Written]) -> None:
    for row in rows:
        if row.op == Op.TRUNCATE:
            buried = {key: older for key, older in room.mirror.items() if older.version < row.version}
            room.mirror.update({key: Written(row.version, Op.DELETE, older.texts) for key, older in buried.items()})
            continue
        if not room.layout.key and row.op not in (Op.SNAPSHOT, Op.INSERT):
            continue
        key = tuple(row.texts[name] for name in room.layout.key) or (str(row.version),)
        before = room.mirror.get(key)
        if before is None or before.version <= row.version:
            room.mirror[key] = row


def _unescaped(text: str) -> str | None:
    if text == "\\N":
        return None
    head, *rest = text.split("\\")
    pieces = [head]
    while rest:
        piece = rest.pop(0)
        if piece:
            pieces.append(_ESCAPES.get(piece[0], piece[0]) + piece[1:])
        else:
            # A backslash that was escaped: what follows it is plain.
            pieces.append("\\" + (rest.pop(0) if rest else ""))
    return "".join(pieces)


class MemoryLedger:
    """Implements `tillstream.ledger.Ledger`."""

    def __init__(self) -> None:
        self.records: list[tuple[str, Entry]] = []
        self.landings: list[Landing] = []

    def last_done(self, stream: str) -> Entry | None:
        """The newest batch that is complete."""
        done = [entry for state, entry in self.records if entry.stream == stream and state == "done"]
        return done[-1] if done else None

    def last_number(self, stream: str) -> int:
        """The highest number a batch ever had; 0 before the first."""
        return max((entry.number for _, entry in self.records if entry.stream == stream), default=0)

    def pending(self, stream: str) -> Entry | None:
        """The batch that was begun and not ended, if there is one."""
        mine = [(state, entry) for state, entry in self.records if entry.stream == stream]
        if not mine or mine[-1][0] in ("done", "abandoned"):
            return None
        return mine[-1][1]

    def intend(self, entry: Entry) -> None:
        """Record that the entry's batch is about to be written."""
        self.records.append(("intent", entry))

    def staged(self, entry: Entry) -> None:
        """Record that the batch's live changes are worked out."""
        self.records.append(("staged", replace(entry, is_staged=True)))

    def done(self, entry: Entry, landing: Landing) -> None:
        """Record that every layer has the batch."""
        self.records.append(("done", entry))
        self.landings.append(landing)

    def abandon(self, entry: Entry) -> None:
        """Record that the batch was undone and will never be finished."""
        self.records.append(("abandoned", entry))

    def streams(self, prefix: str) -> list[str]:
        """The streams that were ever written of, whose names begin so, in order."""
        return sorted({entry.stream for _, entry in self.records if entry.stream.startswith(prefix)})

    def landed(self, after: Mapping[str, int]) -> list[Landing]:
        """The batches that are done and later than the number given for their stream."""
        wanted = [one for one in self.landings if one.stream in after and one.number > after[one.stream]]
        return sorted(wanted, key=lambda one: (one.stream, one.number))


class Mirrors(Protocol):
    """Something whose mirrors can be read."""

    def rows(self, name: str) -> list[Texts]:
        """The rows the mirror of that table shows."""
        ...


class MemoryLayer:
    """Implements `tillstream.ports.Layer`: counts the mirror's rows by table, in signed differences."""

    def __init__(self, mirrors: Mirrors) -> None:
        self.ready = True
        self.totals: Counter[str] = Counter()
        self._mirrors = mirrors
        self._staged: dict[int, Counter[str]] = {}
        self._published: set[int] = set()

    def stage(self, number: int, batch: Batch) -> None:
        """Work out by how much each touched table grew, and keep that."""
        failpoint("during_stage")
        difference: Counter[str] = Counter()
        for name in batch.row_counts:
            difference[name] = len(self._mirrors.rows(name)) - self.totals[name]
        self._staged[number] = difference

    def publish(self, number: int) -> None:
        """Apply what was staged, once."""
        if number in self._published:
            return
        self.totals.update(self._staged[number])
        self._published.add(number)
        failpoint("during_publish")

    def reconcile(self, number: int) -> int:
        """Make the totals of everything the batch touched right."""
        mended = 0
        for name in self._staged.get(number, ()):
            failpoint("during_reconcile")
            count = len(self._mirrors.rows(name))
            mended += self.totals[name] != count
            self.totals[name] = count
        return mended
