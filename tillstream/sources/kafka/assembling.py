"""Rows of one table from what its messages said: bronze's columns, in the order of the source's log."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tillstream.change import META_SCHEMA, Changes, Table
from tillstream.kafka.names import UNCHANGED
from tillstream.sources.kafka.cells import printed
from tillstream.sources.kafka.taking import Places, Rows
from tillstream.sources.postgres.before import as_json

_DELETE = ord("D")
# How an envelope spells a value that was left out, by the type it would have.
_LEFT_OUT = pa.array([UNCHANGED, base64.b64encode(UNCHANGED.encode()).decode(), f'["{UNCHANGED}"]'])


@dataclass(frozen=True, slots=True)
class Origins:
    """Where each row stands: in the source's log, and in the topic."""

    lsn: NDArray[np.uint64]
    ordinal: NDArray[np.uint32]
    # Bronze's letters, as bytes.
    letters: NDArray[np.uint8]
    xid: NDArray[np.uint32]
    # Microseconds since 1970.
    at: Places
    partition: Places
    offset: Places

    def __len__(self) -> int:
        return len(self.lsn)

    def take(self, chosen: Places) -> Origins:
        """Those rows, in that order."""
        return Origins(
            self.lsn[chosen],
            self.ordinal[chosen],
            self.letters[chosen],
            self.xid[chosen],
            self.at[chosen],
            self.partition[chosen],
            self.offset[chosen],
        )

    def order(self) -> Places | None:
        """The order of the source's log, the topic's where that says nothing; None when the rows have it."""
        keys = (self.offset, self.partition, self.ordinal, self.lsn)
        if len(self) < 2:
            return None
        ascending = self.lsn[1:] > self.lsn[:-1]
        ascending |= (self.lsn[1:] == self.lsn[:-1]) & (self.ordinal[1:] > self.ordinal[:-1])
        return None if ascending.all() else np.lexsort(keys)


@dataclass(frozen=True, slots=True)
class Found:
    """One table's rows. `before` are the old rows, where there are any; `partial`: some values may be left out."""

    table: Table
    forms: Sequence[str]
    origins: Origins
    rows: Rows
    before: Rows | None = None
    partial: bool = False

    def changes(self) -> Changes:
        """The rows as bronze takes them."""
        origins, rows, before = self.origins, self.rows, self.before
        order = origins.order()
        if order is not None:
            origins, rows = origins.take(order), rows.take(order)
            before = before.take(order) if before else None
        return Changes(self.table, _assembled(self, origins, rows, before))


def _assembled(found: Found, origins: Origins, rows: Rows, before: Rows | None) -> pa.Table:
    names = [column.name for column in found.table.columns]
    cells = [rows.column(name) for name in names]
    unchanged, cells = _left_out(names, cells) if found.partial else (_nothing_left_out(len(origins)), cells)
    meta = [
        _numbers(pa.uint64(), origins.lsn),
        _numbers(pa.uint32(), origins.ordinal),
        _letters(origins.letters),
        _numbers(pa.uint32(), origins.xid),
        _numbers(pa.timestamp("us", tz="UTC"), origins.at),
        unchanged,
        _before(found, before, origins.letters),
    ]
    texts = [printed(column, form).cast(pa.string()) for column, form in zip(cells, found.forms, strict=True)]
    return pa.Table.from_arrays([*meta, *texts], names=[*META_SCHEMA.names, *names])


def _left_out(names: Sequence[str], cells: Sequence[pa.Array]) -> tuple[pa.Array, list[pa.Array]]:
    masks = [pc.is_in(column, value_set=_LEFT_OUT) for column in cells]
    kept = [
        pc.if_else(mask, pa.scalar(None, pa.string()), column) if pc.any(mask).as_py() else column
        for mask, column in zip(masks, cells, strict=True)
    ]
    is_left_out = np.array([mask.to_numpy(zero_copy_only=False) for mask in masks], bool)
    _, columns = np.nonzero(is_left_out.T)
    offsets = np.concatenate([[0], np.cumsum(is_left_out.sum(axis=0))]).astype(np.int32)
    values = pa.array([names[column] for column in columns.tolist()], pa.string())
    return pa.ListArray.from_arrays(_numbers(pa.int32(), offsets), values), kept


def _nothing_left_out(count: int) -> pa.Array:
    return pa.ListArray.from_arrays(_numbers(pa.int32(), np.zeros(count + 1, np.int32)), pa.array([], pa.string()))


def _before(found: Found, before: Rows | None, letters: NDArray[np.uint8]) -> pa.Array:
    """The old rows as JSON where the message has all of one, not its key alone."""
    count = len(letters)
    names = [column.name for column in found.table.columns]
    if before is None or not before.names():
        return pa.nulls(count, pa.string())
    is_whole, says_more = np.ones(count, bool), letters != _DELETE
    for name in names:
        is_whole &= before.has(name)
        if name not in found.table.key:
            says_more |= before.column(name).is_valid().to_numpy(zero_copy_only=False)
    is_whole &= says_more
    chosen = np.flatnonzero(is_whole)
    if not len(chosen) or not names:
        return pa.nulls(count, pa.string())
    whole = before.take(chosen)
    columns = [printed(whole.column(name), form) for name, form in zip(names, found.forms, strict=True)]
    padded = pa.concat_arrays([as_json(names, columns), pa.nulls(1, pa.string())])
    places = np.full(count, len(chosen))
    places[chosen] = np.arange(len(chosen))
    return padded.take(_numbers(pa.int64(), places))


def _numbers(kind: pa.DataType, values: NDArray[Any]) -> pa.Array:
    """The array as it is. `pa.array` would import pandas first, if it is installed: seconds, on the first change."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def _letters(letters: NDArray[np.uint8]) -> pa.Array:
    offsets = np.arange(len(letters) + 1, dtype=np.int32)
    data = np.ascontiguousarray(letters)
    return pa.StringArray.from_buffers(len(letters), pa.py_buffer(offsets), pa.py_buffer(data))
