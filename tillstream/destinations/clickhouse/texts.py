"""Snapshot rows on their way into bronze: COPY's text is ClickHouse's TabSeparated, but for what we add."""

from __future__ import annotations

from datetime import UTC

import numpy as np

from tillstream.change import Op, Table, TabSeparated

# The columns `with_meta` adds behind the table's own, in this order.
META_COLUMNS = (
    "_till_batch",
    "_till_lsn",
    "_till_op",
    "_till_xid",
    "_till_committed_at",
    "_till_unchanged",
    "_till_before",
    "_till_ordinal",
)


def with_meta(table: Table, rows: TabSeparated, number: int) -> bytes:
    """The rows with bronze's own columns behind the table's."""
    read_at = rows.read_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    constant = f"\t{number}\t{rows.lsn}\t{Op.SNAPSHOT}\t0\t{read_at}\t[]\t\\N\t".encode()
    # COPY escapes newlines in values, so each one it writes ends a row.
    if table.key:
        return rows.data.replace(b"\n", constant + b"0\n")
    return _numbered(rows.data.replace(b"\n", constant + b"\n"), rows.first_ordinal)


def _numbered(data: bytes, first: int) -> bytes:
    """The rows with their running number before each newline."""
    text = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(text == ord("\n"))
    numbers = np.arange(first, first + len(ends), dtype=np.uint64)
    digits = (numbers[:, None] // 10 ** np.arange(9, -1, -1, dtype=np.uint64)) % 10
    written = (digits + ord("0")).astype(np.uint8)
    return np.insert(text, np.repeat(ends, 10), written.ravel()).tobytes()
