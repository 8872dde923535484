"""Tables and changes for tests, written the way a test wants to read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from tillstream.change import (
    META_SCHEMA,
    Batch,
    Changes,
    Column,
    ColumnType,
    Position,
    Table,
    TabSeparated,
)

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
Texts = dict[str, str | None]


def table(of: str, /, key: Sequence[str] = ("id",), schema: str = "public", **kinds: str | ColumnType) -> Table:
    """A table; a column's type is a ColumnType or the name of its kind."""
    columns = []
    for column, kind in kinds.items():
        column_type = ColumnType(kind) if isinstance(kind, str) else kind
        columns.append(Column(column, column_type, column_type.kind))
    return Table(schema, of, tuple(columns), tuple(key))


@dataclass(frozen=True, slots=True)
class Row:
    """One change: its place, what was done, the texts, and what was left out as unchanged."""

    lsn: int
    op: str
    texts: Texts
    ordinal: int = 1
    unchanged: tuple[str, ...] = ()
    before: str | None = None


def changes(of: Table, *rows: Row) -> Changes:
    """The rows as a source hands them out."""
    columns: list[pa.Array] = [
        pa.array([row.lsn for row in rows], pa.uint64()),
        pa.array([row.ordinal for row in rows], pa.uint32()),
        pa.array([row.op for row in rows], pa.string()),
        pa.array([7] * len(rows), pa.uint32()),
        pa.array([NOON] * len(rows), pa.timestamp("us", tz="UTC")),
        pa.array([list(row.unchanged) for row in rows], pa.list_(pa.string())),
        pa.array([row.before for row in rows], pa.string()),
    ]
    columns += [pa.array([row.texts.get(column.name) for row in rows], pa.string()) for column in of.columns]
    names = [*META_SCHEMA.names, *(column.name for column in of.columns)]
    return Changes(of, pa.Table.from_arrays(columns, names=names))


def copied(of: Table, data: bytes, lsn: int, first_ordinal: int = 0) -> Changes:
    """A piece of a snapshot, as COPY printed it."""
    return Changes(of, TabSeparated(data, data.count(b"\n"), lsn, NOON, first_ordinal))


def batch(*pieces: Changes, after: int | None = None, lsn: int | None = None) -> Batch:
    """A batch of these changes, up to its last row or to `lsn`."""
    highest = 0
    for piece in pieces:
        if not isinstance(piece.rows, TabSeparated) and piece.row_count:
            highest = max(highest, *piece.rows.column("_till_lsn").to_pylist())
    position = Position(highest if lsn is None else lsn, 2**32 - 1)
    return Batch(None if after is None else Position(after, 2**32 - 1), position, pieces, NOON, NOON, 1)
