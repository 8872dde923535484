"""The rows of one table in one run of the log, as the Arrow table that bronze takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tillstream.change import META_SCHEMA
from tillstream.sources.postgres.before import as_json
from tillstream.sources.postgres.cells import UNCHANGED, Buffer, Cells, Places, scan, texts
from tillstream.sources.postgres.relation import Relation

_UPDATE, _DELETE, _TRUNCATE = b"UDT"
_KEY, _NEW, _OLD = b"KNO"
# A tuple's cells come behind the type byte, the relation's id, the tuple's mark and its column count.
_TO_MARK, _TO_CELLS = 5, 8
# Behind an old tuple: the new one's mark and column count.
_TO_NEW_CELLS = 3
# As many rows as fit into the processor's cache with all their columns: twice as fast as all at once.
_AT_ONCE = 8192


@dataclass(frozen=True, slots=True)
class Origins:
    """The messages that rows are made of: their letters and places, and what their transactions say."""

    types: NDArray[np.uint8]
    starts: Places
    lsn: Places
    place: Places
    xid: Places
    committed_at: Places

    def __len__(self) -> int:
        return len(self.types)

    def part(self, start: int, end: int) -> Origins:
        """Those from `start` to before `end`."""
        return Origins(
            self.types[start:end],
            self.starts[start:end],
            self.lsn[start:end],
            self.place[start:end],
            self.xid[start:end],
            self.committed_at[start:end],
        )


@dataclass(frozen=True, slots=True)
class _Found:
    """The cells of every row to be; which message each comes from; and which old tuple belongs to it, or -1."""

    cells: Cells
    message: Places
    letters: NDArray[np.uint8]
    old: Places


def table_rows(buffer: Buffer, relation: Relation, origins: Origins) -> pa.Table:
    """One row per message, and one more for the old key of an update that changes it."""
    if len(origins) <= _AT_ONCE:
        return _table_rows(buffer, relation, origins)
    parts = [origins.part(start, start + _AT_ONCE) for start in range(0, len(origins), _AT_ONCE)]
    return pa.concat_tables([_table_rows(buffer, relation, part) for part in parts]).combine_chunks()


def _table_rows(buffer: Buffer, relation: Relation, origins: Origins) -> pa.Table:
    found, old_cells = _found(buffer, relation, origins)
    message = found.message
    is_delete = found.letters == _DELETE
    meta = [
        _numbers(pa.uint64(), origins.lsn[message].astype(np.uint64)),
        _numbers(pa.uint32(), (origins.place[message] * 2 + ~is_delete).astype(np.uint32)),
        _letters(found.letters),
        _numbers(pa.uint32(), origins.xid[message].astype(np.uint32)),
        _numbers(pa.timestamp("us", tz="UTC"), origins.committed_at[message].astype(np.int64)),
        _unchanged(found.cells, relation),
        _before(buffer, relation, found, old_cells),
    ]
    names = [*META_SCHEMA.names, *(column.name for column in relation.table.columns)]
    return pa.Table.from_arrays([*meta, *texts(buffer, found.cells)], names=names)


def _found(buffer: Buffer, relation: Relation, origins: Origins) -> tuple[_Found, Cells | None]:
    marks = buffer.bytes[origins.starts + _TO_MARK]
    cell_starts = origins.starts + _TO_CELLS
    is_truncate = origins.types == _TRUNCATE
    cell_starts[is_truncate] = buffer.nulls
    has_old = np.flatnonzero((marks != _NEW) & ~is_truncate)
    if not len(has_old):
        cells = _kept(scan(buffer, cell_starts, relation.width), relation)
        nothing = np.full(len(cell_starts), -1)
        return _Found(cells, np.arange(len(cell_starts)), origins.types, nothing), None
    old = scan(buffer, cell_starts[has_old], relation.width)
    is_update = origins.types[has_old] == _UPDATE
    updated = has_old[is_update]
    cell_starts[updated] = old.ends[is_update] + _TO_NEW_CELLS
    cells = _kept(scan(buffer, cell_starts, relation.width), relation)
    old = _kept(old, relation)
    is_full = marks[has_old] == _OLD
    # An old key has nulls where it has nothing to say: only a whole old row can fill in.
    can_fill = is_update & is_full
    cells.complete(has_old[can_fill], old.take(np.flatnonzero(can_fill)))
    return _with_old_keys(buffer, relation, origins, (cells, old, has_old, is_full)), old


def _with_old_keys(
    buffer: Buffer,
    relation: Relation,
    origins: Origins,
    scanned: tuple[Cells, Cells, Places, NDArray[np.bool_]],
) -> _Found:
    """Every row, with those that the changed keys leave behind, in the order of their ordinals."""
    cells, old, has_old, is_full = scanned
    old_of = np.full(len(origins.types), -1)
    old_of[has_old[is_full]] = np.flatnonzero(is_full)
    moved = (origins.types[has_old] == _UPDATE) & (~is_full | _keys_differ(buffer, relation, old, cells.take(has_old)))
    left = np.flatnonzero(moved)
    message = np.concatenate([has_old[left], np.arange(len(origins.types))])
    letters = np.concatenate([np.full(len(left), _DELETE, np.uint8), origins.types])
    # A delete half comes before the update of the same message.
    order = np.argsort(message, kind="stable")
    every = old.take(left).followed_by(cells).take(order)
    return _Found(every, message[order], letters[order], old_of[message[order]])


def _keys_differ(buffer: Buffer, relation: Relation, old: Cells, new: Cells) -> NDArray[np.bool_]:
    places = relation.key_places
    differ = np.zeros(len(old.ends), bool)
    if not places:
        return differ
    pairs = zip(texts(buffer, old.columns(places)), texts(buffer, new.columns(places)), strict=True)
    for before, after in pairs:
        differ |= pc.fill_null(pc.not_equal(before, after), False).to_numpy(zero_copy_only=False)
    return differ


def _kept(cells: Cells, relation: Relation) -> Cells:
    return cells if relation.keeps_all else cells.columns(relation.kept)


def _numbers(kind: pa.DataType, values: NDArray[Any]) -> pa.Array:
    """The array as it is. `pa.array` would import pandas first, if it is installed: seconds, on the first change."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def _letters(letters: NDArray[np.uint8]) -> pa.Array:
    offsets = np.arange(len(letters) + 1, dtype=np.int32)
    data = np.ascontiguousarray(letters)
    return pa.StringArray.from_buffers(len(letters), pa.py_buffer(offsets), pa.py_buffer(data))


def _unchanged(cells: Cells, relation: Relation) -> pa.Array:
    """Per row, the names of the columns whose values were left out."""
    is_unchanged = cells.kinds == UNCHANGED
    rows, columns = np.nonzero(is_unchanged.T)
    offsets = np.concatenate([[0], np.cumsum(is_unchanged.sum(axis=0))]).astype(np.int32)
    names = [column.name for column in relation.table.columns]
    values = pa.array([names[column] for column in columns.tolist()]) if len(rows) else pa.nulls(0, pa.string())
    return pa.ListArray.from_arrays(_numbers(pa.int32(), offsets), values)


def _before(buffer: Buffer, relation: Relation, found: _Found, old: Cells | None) -> pa.Array:
    """Per row, the old row as JSON where the log has all of it."""
    rows = np.flatnonzero(found.old >= 0)
    if old is None or not len(rows):
        return pa.nulls(len(found.message), pa.string())
    names: Sequence[str] = [column.name for column in relation.table.columns]
    texts_of_old = as_json(names, texts(buffer, old))
    # One more at the end stands for those without an old row.
    padded = pa.concat_arrays([texts_of_old, pa.nulls(1, pa.string())])
    chosen = np.where(found.old < 0, len(texts_of_old), found.old)
    return padded.take(_numbers(pa.int64(), chosen))
