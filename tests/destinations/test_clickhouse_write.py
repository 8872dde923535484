"""Bronze has what came; the mirror has what is."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.destinations.rows import Row, batch, changes, copied, table
from tillstream.change import ColumnType
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.destination import ClickHouseDestination

ORDERS = table("orders", id="int64", total=ColumnType("decimal", 12, 2), note="text")
EVENTS = table("events", key=(), name="text", amount="int32")


@pytest.fixture
def destination(warehouse: Warehouse) -> Iterator[ClickHouseDestination]:
    destination = ClickHouseDestination(warehouse, {}, "store")
    yield destination
    destination.close()


def orders(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.rows("select id, total, note from mirror.orders final where _deleted = 0 order by id")


def test_the_mirror_keeps_the_newest_row_of_each_key(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    first = changes(
        ORDERS,
        Row(10, "I", {"id": "1", "total": "12.30", "note": "a"}),
        Row(10, "I", {"id": "2", "total": "0.10", "note": None}, ordinal=3),
        Row(11, "U", {"id": "1", "total": "12.40", "note": "b"}),
    )
    destination.write(1, batch(first), "one")
    destination.write(2, batch(changes(ORDERS, Row(12, "D", {"id": "2"}, ordinal=2))), "two")
    assert orders(warehouse) == [(1, Decimal("12.40"), "b")]
    assert destination.arrived(1) == {"orders": 3}
    assert destination.arrived(2) == {"orders": 1}


def test_the_same_token_again_adds_nothing(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    piece = batch(changes(EVENTS, Row(10, "I", {"name": "a", "amount": "1"})))
    destination.write(1, piece, "token")
    destination.write(1, piece, "token")
    assert destination.arrived(1) == {"events": 1}
    assert warehouse.value("select count() from mirror.events") == 1


def test_a_large_piece_of_a_snapshot_arrives_whole_and_once(
    warehouse: Warehouse, destination: ClickHouseDestination
) -> None:
    data = b"".join(b"%d\t%d\n" % (number, number) for number in range(200_000))
    for _ in range(2):
        destination.write(1, batch(copied(EVENTS, data, 9, first_ordinal=1)), "token")
    assert destination.arrived(1) == {"events": 200_000}
    assert warehouse.rows(
        "select count(), countIf(bitAnd(_row, 0xffffffff) = toUInt64(name) + 1) from mirror.events final"
    ) == [(200_000, 200_000)]


def test_a_snapshots_text_arrives_as_copy_meant_it(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    data = b"1\t1.00\ta\\tb\\nc\\\\d\\be\\ff\\vg\\rh\n2\t2.00\t\\N\n3\t3.00\t\n4\t4.00\t\\\\N\nid\ttotal\tnote\n"
    destination.write(1, batch(copied(ORDERS, data.replace(b"id\ttotal\tnote\n", b""), 9)), "token")
    assert [note for _, _, note in orders(warehouse)] == ["a\tb\nc\\d\be\ff\vg\rh", None, "", "\\N"]


def test_a_snapshots_row_that_looks_like_a_heading_is_a_row(
    warehouse: Warehouse, destination: ClickHouseDestination
) -> None:
    words = table("words", key=("name",), name="text", value="text")
    destination.write(1, batch(copied(words, b"name\tvalue\nString\tString\n", 9)), "token")
    assert warehouse.rows("select name, value from mirror.words final order by name") == [
        ("String", "String"),
        ("name", "value"),
    ]


def test_equal_rows_of_a_table_without_a_key_are_all_kept(
    warehouse: Warehouse, destination: ClickHouseDestination
) -> None:
    destination.write(1, batch(copied(EVENTS, b"a\t1\na\t1\n", 9)), "one")
    destination.write(2, batch(copied(EVENTS, b"a\t1\n" * 12, 9, first_ordinal=2)), "two")
    destination.write(3, batch(changes(EVENTS, Row(10, "I", {"name": "a", "amount": "1"}))), "three")
    assert warehouse.value("select count() from mirror.events final where _deleted = 0") == 15


def test_a_truncate_empties_the_mirror_up_to_its_place(
    warehouse: Warehouse, destination: ClickHouseDestination
) -> None:
    destination.write(1, batch(copied(ORDERS, b"1\t1.00\t\\N\n2\t2.00\t\\N\n", 9)), "one")
    piece = changes(
        ORDERS,
        Row(10, "I", {"id": "3", "total": "3.00"}),
        Row(11, "T", {}),
        Row(11, "I", {"id": "2", "total": "5.00"}, ordinal=3),
    )
    destination.write(2, batch(piece), "two")
    assert orders(warehouse) == [(2, Decimal("5.00"), None)]


def test_writing_again_from_bronze_changes_nothing(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    test_a_truncate_empties_the_mirror_up_to_its_place(warehouse, destination)
    before = orders(warehouse)
    destination.replay(1, ["orders"])
    destination.replay(2, ["orders"])
    assert orders(warehouse) == before


def test_the_mirror_comes_back_from_bronze_alone(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    test_a_truncate_empties_the_mirror_up_to_its_place(warehouse, destination)
    before = orders(warehouse)
    warehouse.execute("truncate table mirror.orders")
    destination.replay(1, ["orders"])
    destination.replay(2, ["orders"])
    assert orders(warehouse) == before


def test_discarded_rows_are_gone_and_can_be_written_again(
    warehouse: Warehouse, destination: ClickHouseDestination
) -> None:
    piece = batch(copied(EVENTS, b"a\t1\nb\t2\n", 9))
    destination.write(1, piece, "one")
    destination.write(2, batch(copied(EVENTS, b"c\t3\n", 9, first_ordinal=2)), "two")
    destination.discard(1, "events")
    assert destination.arrived(1) == {}
    assert warehouse.rows("select name from mirror.events final") == [("c",)]
    destination.write(1, piece, "one:again")
    assert destination.arrived(1) == {"events": 2}
    assert warehouse.value("select count() from mirror.events final") == 3
