"""What has arrived: one entry per batch, kept in the warehouse beside the data it speaks of.

A batch goes through `intent` (about to be written), `staged` (its live changes are worked out) and
`done`. After a crash at most one batch of a stream has an intent and no end; `Pump.recover` finishes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tillstream.change import META_SCHEMA, Batch, Position, TabSeparated

# Streams that are loaded side by side are lanes; the upper bits of a batch's number are its lane's.
LANE_BITS = 40


def first_number(lane: int) -> int:
    """What the numbers of a lane's batches come after; 0 for the first lane."""
    return lane << LANE_BITS


def lane_of(number: int) -> int:
    """The lane whose batch has this number."""
    return number >> LANE_BITS


@dataclass(frozen=True, slots=True)
class Entry:
    """One batch as the ledger knows it. `attempt` counts how often writing it was begun."""

    stream: str
    number: int
    after: Position | None
    position: Position
    row_counts: dict[str, int]
    digest: str
    attempt: int = 1
    is_staged: bool = False

    @property
    def is_snapshot(self) -> bool:
        return self.position.lsn == 0

    @property
    def log_range(self) -> tuple[Position, Position] | None:
        """The range of the log to read the batch from again; None for a snapshot's or a repair's, which can't be."""
        return None if self.is_snapshot or self.after is None else (self.after, self.position)

    @property
    def token(self) -> str:
        """The insert token: no two attempts share one, so stale parts can't silence a new write."""
        return f"{self.stream}:{self.number}:{self.digest}:{self.attempt}"


@dataclass(frozen=True, slots=True)
class Landing:
    """A batch that is done: what the page, the metrics and `till status` are told.

    `seconds` is how long moving it took, from its intent on.
    """

    stream: str
    number: int
    position: Position
    row_counts: dict[str, int] = field(default_factory=dict)
    transaction_count: int = 0
    committed_first_at: datetime | None = None
    committed_last_at: datetime | None = None
    landed_at: datetime | None = None
    op_counts: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: float | None = None

    @property
    def row_count(self) -> int:
        return sum(self.row_counts.values())


class Ledger(Protocol):
    """Where entries are kept. Every call is durable when it returns."""

    def last_done(self, stream: str) -> Entry | None:
        """The newest batch that is complete."""
        ...

    def last_number(self, stream: str) -> int:
        """The highest number a batch ever had, whatever became of it; 0 before the first."""
        ...

    def pending(self, stream: str) -> Entry | None:
        """The batch that was begun and not ended, if there is one."""
        ...

    def intend(self, entry: Entry) -> None:
        """Record that the entry's batch is about to be written."""
        ...

    def staged(self, entry: Entry) -> None:
        """Record that the batch's live changes are worked out."""
        ...

    def done(self, entry: Entry, landing: Landing) -> None:
        """Record that every layer has the batch."""
        ...

    def abandon(self, entry: Entry) -> None:
        """Record that the batch was undone and will never be finished."""
        ...


def complete(stream: str) -> str:
    """The stream whose only batch, without rows, says that the snapshot of `stream` is behind it."""
    return f"{stream}:complete"


def mark_complete(ledger: Ledger, stream: str) -> None:
    """Note that a snapshot is behind us: a store in which nothing happens would not tell otherwise."""
    entry = Entry(complete(stream), 1, None, Position(1), {}, "")
    ledger.intend(entry)
    ledger.done(entry, Landing(entry.stream, entry.number, entry.position))


class SharedLedger(Ledger, Protocol):
    """A ledger that several processes keep together, each its own streams."""

    def streams(self, prefix: str) -> list[str]:
        """The streams that were ever written of, whose names begin so, in order."""
        ...

    def landed(self, after: Mapping[str, int]) -> list[Landing]:
        """The batches that are done and later than the number given for their stream; in order, stream by stream."""
        ...


def digest(batch: Batch) -> str:
    """A fingerprint of a batch's rows: equal for equal rows, whatever way they were cut or stored."""
    pieces: dict[str, list[pa.Table | TabSeparated]] = {}
    for changes in batch.changes:
        pieces.setdefault(changes.table.full_name, []).append(changes.rows)
    fingerprint = hashlib.blake2b(digest_size=12)
    for name in sorted(pieces):
        fingerprint.update(f"{name};".encode())
        sizes: dict[str, tuple[int, int]] = {}
        for rows in pieces[name]:
            if isinstance(rows, TabSeparated):
                fingerprint.update(rows.data)
            else:
                _measure(rows, sizes)
        fingerprint.update(_places([rows for rows in pieces[name] if isinstance(rows, pa.Table)]))
        for column, (bytes_, present) in sorted(sizes.items()):
            if present:
                fingerprint.update(f"{column}:{bytes_}:{present};".encode())
    for refused in sorted((refused.origin, refused.position) for refused in batch.refused):
        fingerprint.update(f"{refused};".encode())
    return fingerprint.hexdigest()


def _places(pieces: Sequence[pa.Table]) -> bytes:
    """The places of the rows in the order of the source's log, in which partitions of a topic may not come."""
    if not pieces:
        return b""
    lsn, ordinal = (
        np.concatenate([rows.column(name).to_numpy().astype(np.uint64) for rows in pieces])
        for name in ("_till_lsn", "_till_ordinal")
    )
    places = np.column_stack([lsn, ordinal])
    if (lsn[1:] < lsn[:-1]).any() or ((lsn[1:] == lsn[:-1]) & (ordinal[1:] < ordinal[:-1])).any():
        places = places[np.lexsort((ordinal, lsn))]
    return places.tobytes()


def _measure(rows: pa.Table, sizes: dict[str, tuple[int, int]]) -> None:
    """Add for each column how much text it has in how many rows."""
    for name in rows.column_names:
        if name in META_SCHEMA.names:
            continue
        column = rows.column(name)
        if pa.types.is_string_view(column.type):
            column = column.cast(pa.large_string())
        bytes_, present = sizes.get(name, (0, 0))
        length = pc.sum(pc.binary_length(column)).as_py() or 0
        sizes[name] = (bytes_ + length, present + len(column) - column.null_count)
