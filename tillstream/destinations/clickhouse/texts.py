"""Snapshot rows on their way into bronze: COPY's text is ClickHouse's TabSeparated, but for what we add. Pure texts."""

from __future__ import annotations

from datetime import UTC

from tillstream.change import Op, Table, TabSeparated
from tillstream.destinations.clickhouse.client import literal, quoted
from tillstream.destinations.clickhouse.layouts import META_TYPES, bronze_name

# Fewer bytes than this are written sooner than they are divided.
_WORTH_TWO_HANDS = 1 << 20


def insert_query(table: Table, rows: TabSeparated, number: int) -> str:
    """The insert of a piece into bronze, up to its `from`, which has to give the table's columns as text.

    What all rows share is said here, once: a column of the text would be parsed again for each row.
    """
    read_at = rows.read_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    shared = {
        "_till_batch": str(number),
        "_till_lsn": str(rows.lsn),
        "_till_ordinal": "0" if table.key else f"{rows.first_ordinal} + rowNumberInAllBlocks()",
        "_till_op": literal(Op.SNAPSHOT),
        "_till_xid": "0",
        "_till_committed_at": literal(read_at),
        "_till_unchanged": "[]",
        "_till_before": "null",
    }
    own = {column.name: quoted(column.name) for column in table.columns}
    values = own | {name: f"CAST({value}, {literal(META_TYPES[name])})" for name, value in shared.items()}
    names = ", ".join(map(quoted, values))
    return f"insert into {bronze_name(table)} ({names}) select {', '.join(values.values())}"


def halves(rows: TabSeparated) -> tuple[TabSeparated, ...]:
    """The rows as two pieces of about the same size, which two hands can write; few rows stay together."""
    cut = rows.data.find(b"\n", len(rows.data) // 2) + 1
    if len(rows.data) < _WORTH_TWO_HANDS or not 0 < cut < len(rows.data):
        return (rows,)
    # COPY escapes newlines in values, so each one it writes ends a row.
    count = rows.data.count(b"\n", 0, cut)
    return (
        TabSeparated(rows.data[:cut], count, rows.lsn, rows.read_at, rows.first_ordinal),
        TabSeparated(rows.data[cut:], rows.row_count - count, rows.lsn, rows.read_at, rows.first_ordinal + count),
    )
