"""Small batches into larger ones: while the destination is busy, what arrives is put together.

Alone, a batch lands as soon as it can; behind, the fixed cost of a batch is shared by more changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from tillstream.change import Batch, Changes, TabSeparated
from tillstream.settings import BatchSettings

# Behind, a batch may be this many times as large as what is read at a time: the live step looks at each touched root
# once a batch, and what piled up touches the same ones many times. Measured with 200,000 changes of 60,000 orders:
# two batches take two thirds of the processor time of five. More than twice takes more than a gigabyte.
PILE = 2


@dataclass(frozen=True, slots=True)
class Batcher:
    """Joins neighbours up to `PILE` times what is read at a time."""

    read: BatchSettings = field(default_factory=BatchSettings)

    def joined(self, first: Batch, second: Batch) -> Batch | None:
        """Both as one batch; None if they should stay two: a snapshot's piece, or too large together."""
        if first.is_snapshot or second.is_snapshot:
            return None
        if first.is_empty or second.is_empty:
            return together(first, second)
        if first.row_count + second.row_count > self.read.rows * PILE:
            return None
        if _size(first) + _size(second) > self.read.bytes * PILE:
            return None
        return together(first, second)


def together(first: Batch, second: Batch) -> Batch:
    """Two neighbours as one batch, however large."""
    firsts = [each.committed_first_at for each in (first, second) if each.committed_first_at is not None]
    lasts = [each.committed_last_at for each in (first, second) if each.committed_last_at is not None]
    return Batch(
        after=first.after,
        position=second.position,
        changes=_by_table((*first.changes, *second.changes)),
        committed_first_at=min(firsts, default=None),
        committed_last_at=max(lasts, default=None),
        transaction_count=first.transaction_count + second.transaction_count,
        refused=first.refused + second.refused,
    )


def _by_table(all_changes: tuple[Changes, ...]) -> tuple[Changes, ...]:
    """One Changes for each table, or several in order where its columns changed in between."""
    by_table: dict[str, list[Changes]] = {}
    for changes in all_changes:
        pieces = by_table.setdefault(changes.table.full_name, [])
        last = pieces[-1] if pieces else None
        if last is not None and last.table == changes.table and not isinstance(changes.rows, TabSeparated):
            assert not isinstance(last.rows, TabSeparated)
            rows = pa.concat_tables([last.rows, changes.rows], promote_options="permissive")
            pieces[-1] = Changes(changes.table, rows)
        else:
            pieces.append(changes)
    return tuple(changes for pieces in by_table.values() for changes in pieces)


def _size(batch: Batch) -> int:
    sizes = (
        len(changes.rows.data) if isinstance(changes.rows, TabSeparated) else changes.rows.nbytes
        for changes in batch.changes
    )
    return sum(sizes)
