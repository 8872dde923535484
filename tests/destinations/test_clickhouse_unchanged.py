"""Values that the source left out are never lost, and never overwritten with null."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.destinations.rows import Row, Texts, batch, changes, copied, table
from tillstream.change import ColumnType
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.destination import ClickHouseDestination

NOTES = table(
    "notes",
    id="int64",
    title="text",
    body="text",
    data="bytes",
    price=ColumnType("decimal", 12, 2),
    tags=ColumnType("array", element=ColumnType("text")),
)
LEFT_OUT = ("body", "data", "price", "tags")
FULL: Texts = {"title": "t", "body": "b\n\\'", "data": "\\x00ff", "price": "1.50", "tags": '{"a,b",NULL}'}
WHOLE = ("b\n\\'", "00FF", Decimal("1.50"), ["a,b", None])


@pytest.fixture
def destination(warehouse: Warehouse) -> Iterator[ClickHouseDestination]:
    destination = ClickHouseDestination(warehouse, {}, "store")
    yield destination
    destination.close()


def insert(lsn: int, identity: str, ordinal: int = 1, **texts: str | None) -> Row:
    return Row(lsn, "I", {**FULL, "id": identity, **texts}, ordinal)


def update(lsn: int, identity: str, title: str, ordinal: int = 1, **texts: str | None) -> Row:
    """An update that gives the title, and what else is named; the rest is left out."""
    left_out = tuple(name for name in LEFT_OUT if name not in texts)
    return Row(lsn, "U", {"id": identity, "title": title, **texts}, ordinal, left_out)


def mirror(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.rows(
        "select id, title, body, hex(data), price, tags from mirror.notes final where _deleted = 0 order by id"
    )


def unknown(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.rows("select key, column, rule from till.quarantine final order by all")


def test_a_left_out_value_comes_from_the_mirror(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    line = '1\tt\tb\\n\\\\\'\t\\\\x00ff\t1.50\t{"a,b",NULL}\n'
    destination.write(1, batch(copied(NOTES, line.encode(), 9)), "one")
    destination.write(2, batch(changes(NOTES, update(10, "1", "new"))), "two")
    assert mirror(warehouse) == [(1, "new", *WHOLE)]
    assert unknown(warehouse) == []


def test_a_left_out_value_comes_from_the_same_batch(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    rows = (insert(10, "1"), update(11, "1", "a", body="B"), update(12, "1", "b"), update(13, "1", "c", price="2.00"))
    destination.write(1, batch(changes(NOTES, *rows)), "one")
    assert mirror(warehouse) == [(1, "c", "B", "00FF", Decimal("2.00"), ["a,b", None])]
    destination.write(2, batch(changes(NOTES, update(14, "1", "d"))), "two")
    assert mirror(warehouse) == [(1, "d", "B", "00FF", Decimal("2.00"), ["a,b", None])]


def test_a_changed_key_takes_the_left_out_values_along(
    warehouse: Warehouse, destination: ClickHouseDestination
) -> None:
    destination.write(1, batch(changes(NOTES, insert(10, "1"), insert(10, "9", 3, body="nine"))), "one")
    moves = (
        Row(11, "D", {"id": "1"}, 0),
        update(11, "2", "moved", 1),
        Row(11, "D", {"id": "2"}, 2),
        update(11, "3", "moved twice", 3),
        # A new row under the key that was left: the move must not take its values.
        insert(12, "1", body="another"),
        update(13, "1", "changed"),
    )
    destination.write(2, batch(changes(NOTES, *moves)), "two")
    assert mirror(warehouse) == [
        (1, "changed", "another", *WHOLE[1:]),
        (3, "moved twice", *WHOLE),
        (9, "t", "nine", *WHOLE[1:]),
    ]
    assert unknown(warehouse) == []


def test_two_rows_may_swap_their_keys(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    destination.write(1, batch(changes(NOTES, insert(10, "1", body="one"), insert(10, "2", 3, body="two"))), "one")
    swaps = [("1", "3"), ("2", "1"), ("3", "2")]
    rows = []
    for place, (old, new) in enumerate(swaps):
        rows += [Row(11, "D", {"id": old}, place * 2), update(11, new, "swapped", place * 2 + 1)]
    destination.write(2, batch(changes(NOTES, *rows)), "two")
    assert [row[:3] for row in mirror(warehouse)] == [(1, "swapped", "two"), (2, "swapped", "one")]


def test_writing_again_after_the_mirror_already_had_it_changes_nothing(
    warehouse: Warehouse, destination: ClickHouseDestination
) -> None:
    destination.write(1, batch(changes(NOTES, insert(10, "1"))), "one")
    moves = (Row(11, "D", {"id": "1"}, 0), update(11, "2", "moved", 1), insert(12, "1", body="another"))
    destination.write(2, batch(changes(NOTES, *moves)), "two")
    expected = mirror(warehouse)
    destination.discard(2, "notes")
    destination.write(2, batch(changes(NOTES, *moves)), "two again")
    assert mirror(warehouse) == expected
    assert unknown(warehouse) == []


def test_bronze_alone_rebuilds_the_mirror(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    destination.write(1, batch(changes(NOTES, insert(10, "1"))), "one")
    destination.write(2, batch(changes(NOTES, update(11, "1", "a"), update(12, "1", "b", body="B"))), "two")
    expected = mirror(warehouse)
    warehouse.execute("truncate table mirror.notes")
    destination.replay(2, ["notes"])
    assert mirror(warehouse) == expected
    assert warehouse.rows("select _till_unchanged from bronze.notes order by _till_lsn") == [
        ([],),
        (list(LEFT_OUT),),
        (["data", "price", "tags"],),
    ]


def test_a_value_nobody_knows_is_null_and_quarantined(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    destination.write(1, batch(changes(NOTES, update(10, "5", "first seen"))), "one")
    assert mirror(warehouse) == [(5, "first seen", None, None, None, [])]
    assert unknown(warehouse) == [("5", name, "unchanged") for name in LEFT_OUT]


def test_a_row_that_a_later_snapshot_already_has_is_no_trouble(
    warehouse: Warehouse, destination: ClickHouseDestination
) -> None:
    line = "1\tnewest\tb\t\\\\x00\t1.50\t{}\n"
    destination.write(1, batch(copied(NOTES, line.encode(), 50)), "one")
    destination.write(2, batch(changes(NOTES, update(10, "1", "old"), update(60, "1", "after"))), "two")
    assert [row[:3] for row in mirror(warehouse)] == [(1, "after", "b")]
    assert unknown(warehouse) == []


def test_a_truncate_forgets_what_was_left_out(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    destination.write(1, batch(changes(NOTES, insert(10, "1"))), "one")
    rows = (Row(11, "T", {}, 1), insert(11, "1", 3, body="again"), update(12, "1", "x"))
    destination.write(2, batch(changes(NOTES, *rows)), "two")
    assert [row[:3] for row in mirror(warehouse)] == [(1, "x", "again")]


def test_a_row_that_comes_again_behind_a_newer_one_lacks_nothing(
    warehouse: Warehouse, destination: ClickHouseDestination
) -> None:
    destination.write(1, batch(changes(NOTES, insert(10, "1"), update(11, "1", "a"))), "one")
    gone = Row(20, "D", {"id": "1"})
    destination.write(2, batch(changes(NOTES, gone, update(11, "1", "a"))), "two")
    assert mirror(warehouse) == []
    assert unknown(warehouse) == []
