"""Tables change under way: what their old rows survive is followed, the rest refused with a way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.destinations.rows import Row, batch, changes, table
from tillstream.change import Column, ColumnType, Table
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.destination import ClickHouseDestination
from tillstream.destinations.clickhouse.widening import wider
from tillstream.errors import SchemaChangeRefused, WarehouseError

BEFORE = table("orders", id="int32", total=ColumnType("decimal", 10, 2), status="enum", count="int16")
AFTER = table(
    "orders",
    id="int64",
    total=ColumnType("decimal", 14, 4),
    status="text",
    count="int64",
    note="text",
    at="timestamptz",
)


@pytest.fixture
def destination(warehouse: Warehouse) -> Iterator[ClickHouseDestination]:
    destination = ClickHouseDestination(warehouse, {}, "store")
    yield destination
    destination.close()


def mirror(warehouse: Warehouse, columns: str) -> list[tuple[object, ...]]:
    return warehouse.rows(f"select {columns} from mirror.orders final where _deleted = 0 order by id")


def write(destination: ClickHouseDestination, number: int, of: Table, **texts: str | None) -> None:
    destination.write(number, batch(changes(of, Row(10 + number, "I", dict(texts)))), f"token {number}")


def test_columns_are_added_and_widened_while_rows_come(
    warehouse: Warehouse, destination: ClickHouseDestination
) -> None:
    write(destination, 1, BEFORE, id="1", total="1.25", status="paid", count="7")
    big = str(2**40)
    write(destination, 2, AFTER, id=big, total="1.2345", status="sent", count=big, note="new", at=None)
    assert mirror(warehouse, "id, total, status, count, note") == [
        (1, Decimal("1.2500"), "paid", 7, None),
        (2**40, Decimal("1.2345"), "sent", 2**40, "new"),
    ]


def test_rows_of_an_older_version_still_fit(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    write(destination, 1, BEFORE, id="1", total="1.25", status="paid", count="7")
    write(destination, 2, AFTER, id="2", total="1.2345", status="paid", count="7", note="x")
    restarted = ClickHouseDestination(warehouse, {}, "store")
    write(restarted, 3, BEFORE, id="3", total="1.25", status="paid", count="7")
    write(restarted, 4, AFTER, id="4", total="1.2345", status="paid", count="7", note="y")
    restarted.close()
    assert mirror(warehouse, "id, note") == [(1, None), (2, "x"), (3, None), (4, "y")]
    assert warehouse.value("select count() from till.schemas") == 2


def test_two_loaders_make_room_for_each_other(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    other = ClickHouseDestination(warehouse, {}, "store")
    write(destination, 1, BEFORE, id="1", total="1.25", status="paid", count="7")
    write(other, 2, BEFORE, id="2", total="1.25", status="paid", count="7")
    # The other is ahead, and comes upon both versions before this one has heard of them.
    later = replace(AFTER, columns=(*AFTER.columns, Column("colour", ColumnType("text"), "text")))
    other.ensure(AFTER)
    write(other, 3, later, id="3", total="1.2345", status="paid", count="7", note="x", colour="red")
    write(destination, 4, AFTER, id="4", total="1.2345", status="paid", count="7", note="y")
    write(destination, 5, later, id="5", total="1.2345", status="paid", count="7", colour="blue")
    write(other, 6, BEFORE, id="6", total="1.25", status="paid", count="7")
    other.close()
    assert mirror(warehouse, "id, note, colour") == [
        (1, None, None),
        (2, None, None),
        (3, "x", "red"),
        (4, "y", None),
        (5, None, "blue"),
        (6, None, None),
    ]


def test_a_table_may_change_in_the_middle_of_a_batch(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    first = changes(BEFORE, Row(11, "I", {"id": "1", "total": "1.00", "status": "a", "count": "1"}))
    second = changes(AFTER, Row(12, "U", {"id": "1", "total": "2.0000", "status": "b", "count": "1", "note": "x"}))
    destination.write(1, batch(first, second), "token")
    assert mirror(warehouse, "total, status, note") == [(Decimal("2.0000"), "b", "x")]
    assert destination.arrived(1) == {"orders": 2}


def test_a_dropped_column_stays_and_is_null_from_then_on(
    warehouse: Warehouse, destination: ClickHouseDestination
) -> None:
    write(destination, 1, BEFORE, id="1", total="1.00", status="a", count="1")
    without = table("orders", id="int32", status="enum")
    write(destination, 2, without, id="2", status="b")
    assert mirror(warehouse, "id, total, status") == [(1, Decimal("1.00"), "a"), (2, None, "b")]
    write(destination, 3, BEFORE, id="3", total="3.00", status="c", count="3")
    assert mirror(warehouse, "id, total") == [(1, Decimal("1.00")), (2, None), (3, Decimal("3.00"))]


def test_rows_older_than_a_column_have_the_default_it_was_added_with(
    warehouse: Warehouse, destination: ClickHouseDestination
) -> None:
    before = table("orders", id="int32")
    added: dict[str, tuple[str | ColumnType, str]] = {
        "count": ("int32", "5"),
        "total": (ColumnType("decimal", 12, 2), "1.50"),
        "note": ("text", "it's"),
        "tags": (ColumnType("array", element=ColumnType("text")), '{"a,b"}'),
    }
    after = table("orders", ("id",), "public", id="int32", **{name: kind for name, (kind, _) in added.items()})
    columns = [replace(column, missing=added[column.name][1]) for column in after.columns[1:]]
    after = replace(after, columns=(after.columns[0], *columns))
    write(destination, 1, before, id="1")
    write(destination, 2, after, id="2", count="7", total=None, note=None, tags=None)
    # A row from before the change that comes again after it, as after a crash.
    write(destination, 3, before, id="3")
    expected = [
        (1, 5, Decimal("1.50"), "it's", ["a,b"]),
        (2, 7, None, None, []),
        (3, 5, Decimal("1.50"), "it's", ["a,b"]),
    ]
    assert mirror(warehouse, "id, count, total, note, tags") == expected
    warehouse.execute("optimize table mirror.orders final")
    destination.replay(1, ["orders"])
    assert mirror(warehouse, "id, count, total, note, tags") == expected


def test_every_version_is_remembered(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    for of in (BEFORE, AFTER, AFTER):
        destination.ensure(of)
    again = ClickHouseDestination(warehouse, {}, "store")
    again.ensure(AFTER)
    again.close()
    assert warehouse.rows("select table, version from till.schemas order by version") == [("orders", 1), ("orders", 2)]


@pytest.mark.parametrize("step", range(1, 9))
def test_a_crash_between_two_steps_is_mended_by_the_next_start(
    warehouse: Warehouse, destination: ClickHouseDestination, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    write(destination, 1, BEFORE, id="1", total="1.25", status="paid", count="7")
    run, left = warehouse.execute, [step]

    def crash(sql: str, *rest: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        run(sql, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(warehouse, "execute", crash)
        destination.ensure(AFTER)
    restarted = ClickHouseDestination(warehouse, {}, "store")
    write(restarted, 2, AFTER, id="2", total="1.2345", status="x", count="1", note="new")
    restarted.close()
    assert mirror(warehouse, "id, total, note") == [(1, Decimal("1.2500"), None), (2, Decimal("1.2345"), "new")]


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (table("orders", id="int32", status="int32"), 'column "status" of table "public.orders" changed its type'),
        (
            table("orders", id="int32", total=ColumnType("decimal", 10, 1)),
            'column "total" of table "public.orders" changed its type',
        ),
        (table("orders", key=("id", "count"), id="int32", count="int16"), 'the key of table "public.orders" changed'),
        (table("orders", key=(), id="int32"), 'the key of table "public.orders" changed'),
    ],
)
def test_a_change_that_old_rows_do_not_survive_is_refused(
    destination: ClickHouseDestination, after: Table, message: str
) -> None:
    destination.ensure(BEFORE)
    with pytest.raises(SchemaChangeRefused) as refused:
        destination.ensure(after)
    assert refused.value.message == message
    assert "till resync" in refused.value.hint


def test_a_mirror_begun_anew_takes_the_change_that_was_refused(
    warehouse: Warehouse, destination: ClickHouseDestination
) -> None:
    write(destination, 1, BEFORE, id="1", total="1.00", status="paid", count="7")
    after = table("orders", key=("id", "place"), id="int32", place="text", status="int32")
    with pytest.raises(SchemaChangeRefused):
        destination.ensure(after)
    destination.renew(after)
    assert warehouse.value("select count() from mirror.orders") == 0
    write(destination, 2, after, id="1", place="a", status="3")
    restarted = ClickHouseDestination(warehouse, {}, "store")
    write(restarted, 3, after, id="1", place="b", status="4")
    restarted.close()
    assert mirror(warehouse, "id, place, status") == [(1, "a", 3), (1, "b", 4)]
    assert warehouse.rows("select id, total, place from bronze.orders order by _till_batch") == [
        ("1", "1.00", None),
        ("1", None, "a"),
        ("1", None, "b"),
    ]


def test_a_column_with_a_name_of_ours_is_refused(destination: ClickHouseDestination) -> None:
    with pytest.raises(WarehouseError, match=r'column "_version" of table "public\.odd" has a name'):
        destination.ensure(table("odd", id="int32", _version="int32"))


@pytest.mark.parametrize("names", [("a_feed", "a"), ("a", "a_feed"), ("a_json", "a"), ("a", "a_json")])
def test_a_table_with_the_name_of_anothers_view_is_refused(
    destination: ClickHouseDestination, names: tuple[str, str]
) -> None:
    destination.ensure(table(names[0], id="int32"))
    with pytest.raises(WarehouseError, match="which is taken"):
        destination.ensure(table(names[1], id="int32"))


def test_a_table_named_links_is_refused(destination: ClickHouseDestination) -> None:
    with pytest.raises(WarehouseError, match=r'needs the name "mirror\.links", which is taken'):
        destination.ensure(table("links", id="int32"))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (ColumnType("int64"), ColumnType("int16"), ColumnType("int64")),
        (ColumnType("int32"), ColumnType("decimal", 12, 2), ColumnType("decimal", 12, 2)),
        (ColumnType("int64"), ColumnType("decimal", 12, 2), ColumnType("decimal", 21, 2)),
        (ColumnType("decimal", 12, 2), ColumnType("decimal", 10, 4), ColumnType("decimal", 14, 4)),
        (ColumnType("decimal", 12, 2), ColumnType("decimal"), ColumnType("decimal")),
        (ColumnType("decimal"), ColumnType("decimal", 12, 2), None),
        (ColumnType("enum"), ColumnType("text"), ColumnType("text")),
        (ColumnType("uuid"), ColumnType("text"), ColumnType("text")),
        (ColumnType("text"), ColumnType("uuid"), None),
        (ColumnType("timestamp"), ColumnType("timestamptz"), None),
        (ColumnType("date"), ColumnType("timestamp"), ColumnType("timestamp")),
        (
            ColumnType("array", element=ColumnType("int32")),
            ColumnType("array", element=ColumnType("int64")),
            ColumnType("array", element=ColumnType("int64")),
        ),
        (ColumnType("array", element=ColumnType("text")), ColumnType("text"), None),
    ],
)
def test_the_wider_of_two_types_holds_both(before: ColumnType, after: ColumnType, expected: ColumnType | None) -> None:
    assert wider(before, after) == expected
