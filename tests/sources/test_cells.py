"""Tuples of the log become the same columns whether they are taken one by one or all at once."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tillstream.sources.postgres import cells
from tillstream.sources.postgres.cells import UNCHANGED, Buffer, scan, texts

UNSENT = object()
CELL = st.one_of(st.none(), st.just(UNSENT), st.text(max_size=30), st.text(alphabet="aé漢🐎", min_size=10, max_size=14))
ROWS = st.integers(1, 5).flatmap(lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=120))


def encoded(row: list[object]) -> bytes:
    parts = []
    for cell in row:
        if isinstance(cell, str):
            text = cell.encode()
            parts.append(b"t" + struct.pack(">I", len(text)) + text)
        else:
            parts.append(b"n" if cell is None else b"u")
    return b"".join(parts)


@given(ROWS, st.integers(0, 5))
def test_both_ways_find_what_was_written(rows: list[list[object]], header: int) -> None:
    width = len(rows[0]) if rows else 1
    buffer = Buffer([b"h" * header + encoded(row) for row in rows], header)
    expected = [[cell if isinstance(cell, str) else None for cell in column] for column in zip(*rows, strict=True)]
    unsent = [[cell is UNSENT for cell in row] for row in rows]
    for many in (0, 1_000):
        before, cells._MANY = cells._MANY, many
        try:
            found = scan(buffer, buffer.starts.copy(), width)
        finally:
            cells._MANY = before
        assert [column.to_pylist() for column in texts(buffer, found)] == (expected or [[]])
        assert (found.kinds.T == UNCHANGED).tolist() == unsent
        assert np.array_equal(found.ends, buffer.ends)
