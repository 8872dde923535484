"""Tuples of the log as columns of text, without touching single rows where there are many.

A tuple is a run of cells: `n` for null, `u` for an unchanged value that was left out, `t`, a length of four
bytes and the text. Cells are found column by column for all tuples at once; the texts are then cut out of
the buffer by Arrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

NULL, UNCHANGED, TEXT = b"nut"
# From how many tuples on a step for all of them is cheaper than a loop over each.
_MANY = 48
# What one Arrow string array can hold.
_STRING_BYTES = 2**31 - 1
_INLINE = 12
# No table has more columns than this.
_WIDEST = 1600
_PADDING = 16
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(9)], dtype=np.uint64)

Places = NDArray[np.int64]


class Buffer:
    """Messages end to end, with views that read numbers at any place. `nulls` is a place with nothing but nulls."""

    def __init__(self, messages: Sequence[bytes | memoryview], header: int) -> None:
        self.data = b"".join([*messages, b"n" * (_WIDEST + _PADDING)])
        self.bytes = np.frombuffer(self.data, np.uint8)
        sizes = np.fromiter(map(len, messages), np.int64, len(messages))
        self.ends = np.cumsum(sizes)
        self.starts = self.ends - sizes + header
        self.nulls = int(self.ends[-1]) if len(messages) else 0

    def numbers(self, kind: str, places: Places) -> NDArray[np.generic]:
        """The numbers of a numpy type that begin at these places."""
        size = np.dtype(kind).itemsize
        everywhere: NDArray[np.generic] = np.ndarray(
            (len(self.data) - size + 1,), dtype=kind, buffer=self.data, strides=(1,)
        )
        return everywhere[places]

    def integers(self, size: int, places: Places) -> Places:
        """Big-endian integers of that many bytes, as the log writes them."""
        return self.numbers(f">i{size}", places).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Cells:
    """Where each cell of each tuple is, as arrays of [column, tuple]; `ends` is behind each tuple."""

    kinds: NDArray[np.uint8]
    begins: Places
    lengths: Places
    ends: Places

    def take(self, order: Places) -> Cells:
        """The tuples in that order."""
        return Cells(self.kinds[:, order], self.begins[:, order], self.lengths[:, order], self.ends[order])

    def columns(self, chosen: Sequence[int]) -> Cells:
        """Only those columns."""
        picked = list(chosen)
        return Cells(self.kinds[picked], self.begins[picked], self.lengths[picked], self.ends)

    def followed_by(self, others: Cells) -> Cells:
        """These tuples and then the others."""
        return Cells(
            np.concatenate([self.kinds, others.kinds], axis=1),
            np.concatenate([self.begins, others.begins], axis=1),
            np.concatenate([self.lengths, others.lengths], axis=1),
            np.concatenate([self.ends, others.ends]),
        )

    def complete(self, rows: Places, old: Cells) -> None:
        """Fill what is unchanged in those tuples from their old versions."""
        missing = self.kinds[:, rows] == UNCHANGED
        if not missing.any():
            return
        for mine, theirs in ((self.kinds, old.kinds), (self.begins, old.begins), (self.lengths, old.lengths)):
            mine[:, rows] = np.where(missing, theirs, mine[:, rows])


def scan(buffer: Buffer, starts: Places, width: int) -> Cells:
    """Find the cells of the tuples whose first cells begin at `starts`."""
    if len(starts) < _MANY:
        return _scan_each(buffer.data, starts, width)
    kinds = np.empty((width, len(starts)), np.uint8)
    begins = np.empty((width, len(starts)), np.int64)
    lengths = np.zeros((width, len(starts)), np.int64)
    place = starts
    for column in range(width):
        kind = buffer.bytes[place]
        is_text = kind == TEXT
        if is_text.all():
            length = buffer.integers(4, place + 1)
            following = place + 5 + length
        else:
            length = np.where(is_text, buffer.integers(4, place + 1), 0)
            following = place + 1 + 4 * is_text + length
        kinds[column], begins[column], lengths[column] = kind, place + 5, length
        place = following
    return Cells(kinds, begins, lengths, place)


def _scan_each(data: bytes, starts: Places, width: int) -> Cells:
    kinds, begins, lengths, ends = [], [], [], []
    for start in starts.tolist():
        place = start
        for _ in range(width):
            kind = data[place]
            length = int.from_bytes(data[place + 1 : place + 5], "big") if kind == TEXT else 0
            kinds.append(kind)
            begins.append(place + 5)
            lengths.append(length)
            place += 5 + length if kind == TEXT else 1
        ends.append(place)
    shape = (len(ends), width)
    return Cells(
        np.array(kinds, np.uint8).reshape(shape).T.copy(),
        np.array(begins, np.int64).reshape(shape).T.copy(),
        np.array(lengths, np.int64).reshape(shape).T.copy(),
        np.array(ends, np.int64),
    )


def texts(buffer: Buffer, cells: Cells) -> list[pa.Array]:
    """One string array per column; null for null and for unchanged."""
    width, count = cells.kinds.shape
    valid = cells.kinds.ravel() == TEXT
    begins, lengths = cells.begins.ravel(), cells.lengths.ravel()
    # Null cells of the last tuple may point behind the buffer.
    begins = np.where(valid, begins, 0)
    views = _views(buffer, begins, lengths)
    validity = pa.py_buffer(np.packbits(valid, bitorder="little"))
    flat = pa.Array.from_buffers(
        pa.string_view(), width * count, [validity, pa.py_buffer(views), pa.py_buffer(buffer.data)]
    )
    kind = pa.string() if int(lengths.sum()) <= _STRING_BYTES else pa.large_string()
    copied = flat.cast(kind)
    return [copied.slice(column * count, count) for column in range(width)]


def _views(buffer: Buffer, begins: Places, lengths: Places) -> NDArray[np.uint64]:
    """Arrow's 16 bytes per string: the length, and the text itself or its first 4 bytes and its place."""
    size = lengths.astype(np.uint64)
    start = np.minimum(begins, len(buffer.data) - _PADDING)
    first = buffer.numbers("<u4", start).astype(np.uint64) & _MASKS[np.minimum(lengths, 4)]
    rest = buffer.numbers("<u8", start + 4).astype(np.uint64) & _MASKS[np.clip(lengths - 4, 0, 8)]
    views = np.empty((len(size), 2), np.uint64)
    views[:, 0] = size | first << np.uint64(32)
    views[:, 1] = np.where(lengths <= _INLINE, rest, begins.astype(np.uint64) << np.uint64(32))
    return views
