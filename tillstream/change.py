"""The nouns: what happened in a store, in which order, and up to where we know it.

A source hands out `Batch`es. A batch holds, for each table it touches, one `Changes`: the rows that
were written, in commit order, as text the way the source printed them. Everything downstream
(bronze, mirror, facts, rollups) is made from these values and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc


class Op(StrEnum):
    """What was done to a row. The letter is what bronze stores."""

    SNAPSHOT = "R"
    INSERT = "I"
    UPDATE = "U"
    DELETE = "D"
    TRUNCATE = "T"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a source's log. Positions of one source are totally ordered.

    `lsn` is the commit position of the transaction (PostgreSQL LSN, Kafka offset, binlog offset) and
    `ordinal` the place inside it. A snapshot comes before every log position: its `lsn` is 0.
    `state` is what the source needs besides the order to go on from here; only the source reads it.
    """

    lsn: int
    ordinal: int = 0
    state: str = field(default="", compare=False)

    @property
    def version(self) -> int:
        """One number with the order of the positions; mirrors keep the row with the highest."""
        return self.lsn << 32 | self.ordinal


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type in words all sources share; the destination chooses its own type for it.

    kinds: bool, int16, int32, int64, uint64, float32, float64, decimal, text, enum, uuid, json, bytes,
    date, time, timestamp (no zone), timestamptz, array (see `element`), other (kept as text).
    `precision` and `scale` are for decimal; both None means unbounded.
    """

    kind: str
    precision: int | None = None
    scale: int | None = None
    element: ColumnType | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a source table; `declared` is the type as the source spells it.

    `missing` is the text that rows have which are older than the column, where it was added with a default.
    """

    name: str
    type: ColumnType
    declared: str
    missing: str | None = field(default=None, compare=False)


def warehouse_name(schema: str, table: str) -> str:
    """As bronze and mirror name a source's table: the schema is left out when it is `public`."""
    return table if schema == "public" else f"{schema}_{table}"


@dataclass(frozen=True, slots=True)
class Table:
    """A source table as it was when its rows were written.

    `key` names the primary key's columns in key order. A table without one is insert-only: updates
    and deletes can't be followed, and each row is kept under its own position.
    """

    schema: str
    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """As the source names it: `public.orders`."""
        return f"{self.schema}.{self.name}"

    @property
    def warehouse_name(self) -> str:
        """As bronze and mirror name it."""
        return warehouse_name(self.schema, self.name)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


# The columns bronze keeps beside the table's own, in this order.
META_SCHEMA = pa.schema(
    [
        ("_till_lsn", pa.uint64()),
        ("_till_ordinal", pa.uint32()),
        ("_till_op", pa.string()),
        ("_till_xid", pa.uint32()),
        ("_till_committed_at", pa.timestamp("us", tz="UTC")),
        # Names of columns the source left out because they did not change (TOAST).
        ("_till_unchanged", pa.list_(pa.string())),
        # The old row as JSON of texts, where the source gives it; else null.
        ("_till_before", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class TabSeparated:
    r"""Snapshot rows exactly as `COPY … TO STDOUT` printed them: tabs, newlines, `\N`, backslashes.

    All rows share `lsn`, the exact point of the snapshot they were read in. `first_ordinal` tells
    apart rows of tables without a key; row i has ordinal first_ordinal + i there, and 0 otherwise.
    """

    data: bytes
    row_count: int
    lsn: int
    read_at: datetime
    first_ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes of one table (in one version of its columns), in commit order.

    `rows` is an Arrow table of META_SCHEMA's columns followed by the table's own as (large_)string or
    string_view, null for NULL; or a piece of a snapshot.
    Keys that change arrive as a DELETE of the old key and an UPDATE with the new one.
    """

    table: Table
    rows: pa.Table | TabSeparated

    @property
    def row_count(self) -> int:
        return self.rows.row_count if isinstance(self.rows, TabSeparated) else self.rows.num_rows

    @property
    def op_counts(self) -> dict[str, int]:
        """Rows by the letter of their operation."""
        if isinstance(self.rows, TabSeparated):
            return {Op.SNAPSHOT.value: self.rows.row_count}
        counted = pc.value_counts(self.rows.column("_till_op"))
        return dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that came and is no change that could be read: it goes to the quarantine as it is.

    `origin` is where it came from (a topic), `position` its place there, `rule` and `reason` why it was refused.
    """

    origin: str
    position: str
    key: bytes
    raw: bytes
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What happened after position `after`, up to and including `position`.

    An empty batch says that the log has moved on without a change for us (a heartbeat).
    """

    after: Position | None
    position: Position
    changes: tuple[Changes, ...]
    committed_first_at: datetime | None = None
    committed_last_at: datetime | None = None
    transaction_count: int = 0
    refused: tuple[Refused, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing in it has to be kept."""
        return not self.changes and not self.refused

    @property
    def row_count(self) -> int:
        return sum(changes.row_count for changes in self.changes)

    @property
    def row_counts(self) -> dict[str, int]:
        """Rows by the warehouse name of their table."""
        counts: dict[str, int] = {}
        for changes in self.changes:
            name = changes.table.warehouse_name
            counts[name] = counts.get(name, 0) + changes.row_count
        return counts

    @property
    def op_counts(self) -> dict[str, dict[str, int]]:
        """Rows by the warehouse name of their table and the letter of their operation."""
        counts: dict[str, dict[str, int]] = {}
        for changes in self.changes:
            of_table = counts.setdefault(changes.table.warehouse_name, {})
            for letter, count in changes.op_counts.items():
                of_table[letter] = of_table.get(letter, 0) + count
        return counts

    @property
    def is_snapshot(self) -> bool:
        """True while the source is still reading what was there before the log."""
        return self.position.lsn == 0
