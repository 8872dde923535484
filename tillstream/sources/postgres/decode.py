"""Messages of the log (pgoutput, protocol 1, text) → changes by table, all rows of a table at once.

The place of a row in its transaction counts row messages only, from 1: relation messages come once per
session and would count differently when read again. A delete has ordinal 2 * place, anything else one more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from tillstream.change import Changes, Position
from tillstream.errors import SourceError
from tillstream.sources.postgres.cells import Buffer, Places
from tillstream.sources.postgres.relation import Relation, Relations
from tillstream.sources.postgres.rows import Origins, table_rows

BEGIN, COMMIT, RELATION, INSERT, UPDATE, DELETE, TRUNCATE = b"BCRIUDT"
# The server counts microseconds from the year 2000.
_EPOCH_SHIFT = 946_684_800_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a run of messages says. `position` is how far the log is read with them."""

    changes: tuple[Changes, ...]
    position: Position
    committed_first_at: datetime | None = None
    committed_last_at: datetime | None = None
    transaction_count: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """The changes that are wanted: later than `after`, up to `until`; and per table, none before its floor."""

    after: Position = field(default_factory=lambda: Position(0))
    until: Position | None = None
    floors: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _Transaction:
    """The transaction that a run of messages begins in; `count` is how many of its rows came before."""

    lsn: int = 0
    committed_at: int = 0
    xid: int = 0
    count: int = 0


class Decoder:
    """Decodes run after run; keeps the open transaction and the relations between them."""

    def __init__(self, relations: Relations) -> None:
        self._relations = relations
        self._open = _Transaction()
        self._is_open = False
        self._ended_at = 0

    def decode(self, messages: Sequence[bytes | memoryview], header: int, span: Span) -> Decoded:
        """The changes of the next messages, each behind a header of that size, as far as they are wanted."""
        buffer = Buffer(messages, header)
        run = _Run(buffer, self._open)
        learned = self._learn(buffer, run)
        wanted = run.wanted(span)
        changes = self._changes(run, wanted, learned, span)
        self._move(run)
        times = run.committed_at[wanted]
        return Decoded(
            changes=changes,
            position=max(span.after, self.position),
            committed_first_at=_moment(int(times[0])) if len(times) else None,
            committed_last_at=_moment(int(times[-1])) if len(times) else None,
            transaction_count=len(np.unique(run.transactions[wanted])),
        )

    @property
    def position(self) -> Position:
        """After the last transaction, or inside the open one."""
        if self._is_open and self._open.count:
            return Position(self._open.lsn, self._open.count * 2 + 1)
        return Position(self._ended_at)

    @property
    def in_transaction(self) -> bool:
        return self._is_open

    def _move(self, run: _Run) -> None:
        if len(run.commits):
            self._ended_at = int(run.buffer.integers(8, run.buffer.starts[run.commits[-1:]] + 10)[0])
        self._open = run.last_transaction(self._open)
        if len(run.begins) or len(run.commits):
            last_begin = run.begins[-1] if len(run.begins) else -1
            last_commit = run.commits[-1] if len(run.commits) else -1
            self._is_open = bool(last_begin > last_commit)

    def _learn(self, buffer: Buffer, run: _Run) -> dict[int, list[tuple[int, Relation]]]:
        """The relations that are announced in this run: by id, from which message on which version holds."""
        learned: dict[int, list[tuple[int, Relation]]] = {}
        for index in np.flatnonzero(run.types == RELATION).tolist():
            message = buffer.data[buffer.starts[index] : buffer.ends[index]]
            before = self._relations.get(int.from_bytes(message[1:5], "big"))
            identifier, relation = self._relations.learn(message)
            versions = learned.setdefault(identifier, [(0, before)] if before else [])
            if not versions or versions[-1][1] != relation:
                versions.append((index, relation))
        return learned

    def _changes(
        self, run: _Run, wanted: Places, learned: dict[int, list[tuple[int, Relation]]], span: Span
    ) -> tuple[Changes, ...]:
        pieces: list[tuple[int, Relation, Places]] = []
        for identifier, indexes in run.by_relation(wanted):
            known = self._relations.get(identifier)
            versions = learned.get(identifier) or ([(0, known)] if known else [])
            if not versions or versions[0][0] > indexes[0]:
                raise SourceError(
                    f"the log speaks of relation {identifier} without having announced it",
                    hint="Restart the pipeline; if it happens again, please report it.",
                )
            cuts = np.searchsorted(indexes, [index for index, _ in versions[1:]])
            for (_, relation), part in zip(versions, np.split(indexes, cuts), strict=True):
                if len(part):
                    pieces.append((int(part[0]), relation, part))
        floors = dict(span.floors)
        changes = []
        for _, relation, indexes in sorted(pieces, key=lambda piece: piece[0]):
            floor = floors.get(relation.table.full_name)
            kept = indexes if floor is None else indexes[run.lsn[indexes] >= floor]
            if len(kept):
                changes.append(Changes(relation.table, _rows(run, relation, kept)))
        return tuple(changes)


class _Run:
    """A run of messages with, for each of them, its type and what it inherits from its transaction."""

    def __init__(self, buffer: Buffer, opened: _Transaction) -> None:
        self.buffer = buffer
        self.types = buffer.bytes[buffer.starts]
        self.begins = np.flatnonzero(self.types == BEGIN)
        self.commits = np.flatnonzero(self.types == COMMIT)
        self.is_truncate = self.types == TRUNCATE
        self.is_row = (self.types == INSERT) | (self.types == UPDATE) | (self.types == DELETE) | self.is_truncate
        begun = buffer.starts[self.begins]
        self.transactions = np.cumsum(self.types == BEGIN)
        lsns = np.concatenate([[opened.lsn], buffer.integers(8, begun + 1)])
        times = np.concatenate([[opened.committed_at], buffer.integers(8, begun + 9) + _EPOCH_SHIFT])
        xids = np.concatenate([[opened.xid], buffer.integers(4, begun + 17) & 0xFFFFFFFF])
        seen = np.cumsum(self.is_row)
        before = np.concatenate([[-opened.count], seen[self.begins]])
        self.lsn = lsns[self.transactions]
        self.committed_at = times[self.transactions]
        self.xid = xids[self.transactions]
        self.place = seen - before[self.transactions]
        self.ordinal = self.place * 2 + (self.types != DELETE)

    def wanted(self, span: Span) -> Places:
        """The row messages of the span."""
        after = span.after
        chosen = self.is_row & ((self.lsn > after.lsn) | ((self.lsn == after.lsn) & (self.ordinal > after.ordinal)))
        if span.until is not None:
            until = span.until
            chosen &= (self.lsn < until.lsn) | ((self.lsn == until.lsn) & (self.ordinal <= until.ordinal))
        return np.flatnonzero(chosen)

    def by_relation(self, wanted: Places) -> list[tuple[int, Places]]:
        """The wanted messages by the relation they speak of; a truncate may speak of several."""
        single = wanted[~self.is_truncate[wanted]]
        identifiers = self.buffer.integers(4, self.buffer.starts[single] + 1) & 0xFFFFFFFF
        truncates = [(index, relation) for index in wanted[self.is_truncate[wanted]] for relation in self._named(index)]
        if truncates:
            single = np.concatenate([single, [index for index, _ in truncates]])
            identifiers = np.concatenate([identifiers, [relation for _, relation in truncates]])
        order = np.lexsort((single, identifiers))
        single, identifiers = single[order], identifiers[order]
        if not len(single):
            return []
        firsts = np.flatnonzero(np.diff(identifiers, prepend=identifiers[0] - 1))
        return [
            (int(identifiers[first]), part)
            for first, part in zip(firsts.tolist(), np.split(single, firsts[1:]), strict=True)
        ]

    def _named(self, index: int) -> list[int]:
        """The relations of a truncate."""
        start = int(self.buffer.starts[index])
        count = int.from_bytes(self.buffer.data[start + 1 : start + 5], "big")
        places = np.arange(count) * 4 + start + 6
        named: list[int] = (self.buffer.integers(4, places) & 0xFFFFFFFF).tolist()
        return named

    def last_transaction(self, opened: _Transaction) -> _Transaction:
        """Where the run leaves off."""
        if not len(self.types):
            return opened
        last = len(self.types) - 1
        return _Transaction(
            int(self.lsn[last]), int(self.committed_at[last]), int(self.xid[last]), int(self.place[last])
        )


def _rows(run: _Run, relation: Relation, indexes: Places) -> pa.Table:
    origins = Origins(
        types=run.types[indexes],
        starts=run.buffer.starts[indexes],
        lsn=run.lsn[indexes],
        place=run.place[indexes],
        xid=run.xid[indexes],
        committed_at=run.committed_at[indexes],
    )
    return table_rows(run.buffer, relation, origins)


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
