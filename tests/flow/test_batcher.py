"""Joined batches say the same as the ones they are made of."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from tillstream.change import META_SCHEMA, Batch, Changes, Column, ColumnType, Position, Table
from tillstream.flow.batcher import Batcher
from tillstream.ledger import digest
from tillstream.quantities import Size
from tillstream.settings import BatchSettings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEXT = ColumnType("text")


def table(name: str, *columns: str) -> Table:
    return Table("public", name, tuple(Column(column, TEXT, "text") for column in columns), ("id",))


def changes(of: Table, *positions: tuple[int, int]) -> Changes:
    rows: list[dict[str, object]] = [
        {
            "_till_lsn": lsn,
            "_till_ordinal": ordinal,
            "_till_op": "I",
            "_till_xid": 1,
            "_till_committed_at": NOON,
            "_till_unchanged": [],
            "_till_before": None,
            **{column.name: f"{column.name} {lsn}" for column in of.columns},
        }
        for lsn, ordinal in positions
    ]
    names = pa.schema([*META_SCHEMA, *(pa.field(column.name, pa.string()) for column in of.columns)])
    return Changes(of, pa.Table.from_pylist(rows, names))


def positions(piece: Changes) -> list[int]:
    assert isinstance(piece.rows, pa.Table)
    found: list[int] = piece.rows.column("_till_lsn").to_pylist()
    return found


def batch(first: int, last: int, *parts: Changes) -> Batch:
    return Batch(Position(first), Position(last), parts, NOON, NOON, 1)


ORDERS, LINES, WIDER = table("orders", "id"), table("lines", "id", "note"), table("orders", "id", "note")


def test_rows_of_one_table_become_one_piece_in_order() -> None:
    joined = Batcher().joined(
        batch(0, 1, changes(ORDERS, (1, 1)), changes(LINES, (1, 3))),
        batch(1, 2, changes(LINES, (2, 1)), changes(ORDERS, (2, 3))),
    )

    assert joined is not None
    assert (joined.after, joined.position) == (Position(0), Position(2))
    assert joined.transaction_count == 2
    assert {piece.table.name: positions(piece) for piece in joined.changes} == {
        "orders": [1, 2],
        "lines": [1, 2],
    }


def test_a_joined_batch_has_the_digest_of_the_same_range_read_at_once() -> None:
    joined = Batcher().joined(
        batch(0, 1, changes(LINES, (1, 3))), batch(1, 2, changes(ORDERS, (2, 1)), changes(LINES, (2, 3)))
    )
    at_once = batch(0, 2, changes(ORDERS, (2, 1)), changes(LINES, (1, 3), (2, 3)))

    assert joined is not None
    assert digest(joined) == digest(at_once)


def test_other_columns_stay_a_piece_of_their_own() -> None:
    joined = Batcher().joined(batch(0, 1, changes(ORDERS, (1, 1))), batch(1, 2, changes(WIDER, (2, 1))))

    assert joined is not None
    assert [piece.table for piece in joined.changes] == [ORDERS, WIDER]


def test_too_large_together_stay_two() -> None:
    full = batch(0, 1, changes(ORDERS, (1, 1), (1, 3)))
    more = batch(1, 2, changes(ORDERS, (2, 1)))
    assert Batcher(BatchSettings(rows=1)).joined(full, more) is None
    assert Batcher(BatchSettings(bytes=Size(5))).joined(full, more) is None
    assert Batcher(BatchSettings(rows=2)).joined(full, more) is not None


def test_a_snapshot_is_never_joined_and_a_heartbeat_always_is() -> None:
    piece = batch(0, 1, changes(ORDERS, (1, 1)))
    snapshot = Batch(None, Position(0, 1), (changes(ORDERS, (1, 1)),))
    heartbeat = Batch(Position(1), Position(9), ())

    assert Batcher().joined(snapshot, piece) is None
    joined = Batcher(BatchSettings(rows=1)).joined(piece, heartbeat)
    assert joined is not None
    assert (joined.position, joined.row_count) == (Position(9), 1)
