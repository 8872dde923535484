"""Columns made of numpy arrays, and the way they go into a table of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from psycopg import sql

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Columns = Mapping[str, Any]

_ROWS_A_PIECE = 50_000


def money(cents: Integers) -> pa.Array:
    """Whole cents as decimals with two places, exactly."""
    words = np.empty((len(cents), 2), dtype=np.int64)
    words[:, 0] = cents
    words[:, 1] = cents >> 63
    return pa.Array.from_buffers(pa.decimal128(18, 2), len(cents), [None, pa.py_buffer(words)])


def moments(microseconds: Integers, missing: Flags | None = None) -> pa.Array:
    """Times given as microseconds since 1970 in UTC; null where `missing`."""
    return pa.array(microseconds, mask=missing).cast(pa.timestamp("us"))


def numbers(values: Integers, missing: Flags | None = None) -> pa.Array:
    """Integers; null where `missing`."""
    return pa.array(values, mask=missing)


def chosen(words: Sequence[str], index: Integers, missing: Flags | None = None) -> pa.Array:
    """The word of each index; null where `missing`."""
    return pa.array(words).take(pa.array(index, mask=missing))


def joined(*parts: pa.Array | str) -> pa.Array:
    """Texts put together, row by row. Null where a part is."""
    return pc.binary_join_element_wise(*(_as_text(part) for part in parts), "")


def _as_text(part: pa.Array | str) -> pa.Array | str:
    return part if isinstance(part, str) else part.cast(pa.string())


def uuids(random: np.random.Generator, count: int) -> list[str]:
    """Random UUIDs of version 4."""
    raw = np.frombuffer(random.bytes(16 * count), dtype=np.uint8).reshape(count, 16).copy()
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    digits = raw.tobytes().hex()
    spans = [digits[start : start + 32] for start in range(0, 32 * count, 32)]
    return [f"{d[:8]}-{d[8:12]}-{d[12:16]}-{d[16:20]}-{d[20:]}" for d in spans]


def ids(count: int) -> Integers:
    """The first so many ids, from 1."""
    return np.arange(1, count + 1, dtype=np.int64)


def copy_into(connection: psycopg.Connection[Any], name: str, columns: Columns) -> int:
    """Append rows to a table. Returns how many. The session's time zone must be UTC."""
    rows = pa.table(dict(columns))
    names = sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(sql.Identifier(name), names)
    options = pyarrow.csv.WriteOptions(include_header=False)
    with connection.cursor().copy(statement) as copy:
        for start in range(0, rows.num_rows, _ROWS_A_PIECE):
            piece = BytesIO()
            pyarrow.csv.write_csv(rows.slice(start, _ROWS_A_PIECE), piece, options)
            copy.write(piece.getbuffer())
    return int(rows.num_rows)
