"""Decoded pieces of the log as one batch, the same whatever way they were cut."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from tillstream.change import Batch, Changes, Position
from tillstream.sources.postgres.decode import Decoded, Span
from tillstream.sources.postgres.place import with_floors


def batch_of(after: Position, decoded: Decoded, floors: Iterable[tuple[str, int]]) -> Batch:
    """A batch of decoded messages; its position carries the floors that still matter."""
    return Batch(
        after=after,
        position=with_floors(decoded.position, floors),
        changes=decoded.changes,
        committed_first_at=decoded.committed_first_at,
        committed_last_at=decoded.committed_last_at,
        transaction_count=decoded.transaction_count,
    )


class Pieces:
    """Gathers what is decoded bit by bit, each table's rows in one place unless its columns changed between."""

    def __init__(self) -> None:
        self._parts: list[list[Changes]] = []
        self._newest: dict[str, list[Changes]] = {}
        self._lsns: set[int] = set()
        self._times: list[datetime] = []

    def add(self, decoded: Decoded) -> None:
        """Take the next bit in."""
        for changes in decoded.changes:
            name = changes.table.full_name
            part = self._newest.get(name)
            if part is None or part[0].table != changes.table:
                part = self._newest[name] = []
                self._parts.append(part)
            part.append(changes)
            assert isinstance(changes.rows, pa.Table)
            self._lsns.update(pc.unique(changes.rows.column("_till_lsn")).to_pylist())
        self._times += [at for at in (decoded.committed_first_at, decoded.committed_last_at) if at is not None]

    def batch(self, span: Span) -> Batch:
        """All of it, as the changes of the span."""
        assert span.until is not None
        changes = tuple(
            Changes(part[0].table, pa.concat_tables([piece.rows for piece in part]).combine_chunks())
            for part in self._parts
        )
        return Batch(
            after=span.after,
            position=with_floors(span.until, span.floors),
            changes=changes,
            committed_first_at=self._times[0] if self._times else None,
            committed_last_at=self._times[-1] if self._times else None,
            transaction_count=len(self._lsns),
        )
