"""A source whose log is a list, and the model of what a store's tables hold at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.destinations.rows import NOON, Row, changes, copied
from tillstream.change import Batch, Position, Table
from tillstream.ports import Finding, SourceLag

LAST = 2**32 - 1


@dataclass
class Log:
    """Transactions (each a list of rows with their tables) after a snapshot; batches end where it says."""

    snapshot: list[tuple[Table, bytes]]
    transactions: list[list[tuple[Table, Row]]]
    batch_size: int = 2
    name: str = "store"
    slot_lsn: int = 100
    acknowledged: list[int] = field(default_factory=list)
    # Snapshot pieces read again after a crash are read at a later place.
    snapshot_reads: int = 0

    def tables(self) -> Sequence[Table]:
        return sorted({table for table, _ in self.snapshot}, key=lambda table: table.name)

    def read(self, after: Position | None) -> Iterator[Batch]:
        if after is None or after.lsn == 0:
            yield from self._pieces(after)
        previous = after if after is not None and after.lsn else Position(self.slot_lsn)
        rest = [rows for rows in self.transactions if rows[0][1].lsn > previous.lsn]
        for start in range(0, len(rest), self.batch_size):
            batch = self._batch(previous, rest[start : start + self.batch_size])
            yield batch
            previous = batch.position

    def reread(self, after: Position, until: Position) -> Batch:
        between = [
            [(table, row) for table, row in rows if (after.lsn, after.ordinal) < (row.lsn, row.ordinal)]
            for rows in self.transactions
            if after.lsn <= rows[0][1].lsn <= until.lsn
        ]
        return self._batch(after, [rows for rows in between if rows], until)

    def acknowledge(self, position: Position) -> None:
        self.acknowledged.append(position.lsn)

    def lag(self) -> SourceLag:
        return SourceLag(0, 0, None, "reserved")

    def check(self) -> list[Finding]:
        return []

    def close(self) -> None: ...

    def _pieces(self, after: Position | None) -> Iterator[Batch]:
        begun = 0 if after is None else int(after.state)
        for place, (table, data) in enumerate(self.snapshot[begun:], start=begun + 1):
            position = Position(0, 0, str(place))
            yield Batch(after, position, (copied(table, data, self.slot_lsn),))
            after = position

    def _batch(
        self, after: Position, transactions: Sequence[list[tuple[Table, Row]]], until: Position | None = None
    ) -> Batch:
        by_table: dict[Table, list[Row]] = {}
        for rows in transactions:
            for table, row in rows:
                by_table.setdefault(table, []).append(row)
        position = until or Position(transactions[-1][-1][1].lsn, LAST)
        pieces = tuple(changes(table, *rows) for table, rows in by_table.items())
        return Batch(after, position, pieces, NOON, NOON, len(transactions))
