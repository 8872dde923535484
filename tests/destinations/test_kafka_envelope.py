"""Changes as messages: keys, Debezium's envelope, and every type's spelling."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.destinations.rows import NOON, Row, Texts, changes, copied, table
from tillstream.change import Changes, Column, ColumnType, Table
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.workbench import Workbench
from tillstream.destinations.kafka.envelope import Origin
from tillstream.destinations.kafka.messages import SLICE_ROWS, Messages, messages

ORIGIN = Origin("shop", "store db", "1.2.3")
NOW = NOON + timedelta(seconds=1)
MICROS = 1772366400123456
TEXT = ColumnType("text")
ORDERS = table("orders", id="int64", total=ColumnType("decimal", 12, 2), note="text")


def array(of: str) -> ColumnType:
    return ColumnType("array", element=ColumnType(of))


# kind, the text as PostgreSQL prints it, the JSON value in the envelope
CELLS: list[tuple[ColumnType | str, str, Any]] = [
    ("bool", "t", True),
    ("bool", "f", False),
    ("int16", "-32768", -32768),
    ("int64", "9223372036854775807", 9223372036854775807),
    ("uint64", "18446744073709551615", 18446744073709551615),
    ("float32", "1e-40", 1e-40),
    ("float64", "0.30000000000000004", 0.30000000000000004),
    ("float64", "-0", -0.0),
    ("float64", "1.5e+300", 1.5e300),
    ("float64", "NaN", "NaN"),
    ("float64", "-Infinity", "-Infinity"),
    (ColumnType("decimal", 12, 2), "0.10", "0.10"),
    ("decimal", "1" + "0" * 100, "1" + "0" * 100),
    ("decimal", "NaN", "NaN"),
    ("text", "", ""),
    (
        "text",
        'it\'s "a/b"\\N\t\n\r\x01\x7f žluť 🐎 \u2028 {rows}',
        'it\'s "a/b"\\N\t\n\r\x01\x7f žluť 🐎 \u2028 {rows}',
    ),
    ("enum", 'it\'s "fine"', 'it\'s "fine"'),
    ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("json", '{"a":  [1, null, "\\u00e9"]}', '{"a":  [1, null, "\\u00e9"]}'),
    ("bytes", "\\x00ff5c", "AP9c"),
    ("bytes", "\\x", ""),
    ("date", "2024-02-29", "2024-02-29Z"),
    ("date", "infinity", "infinity"),
    ("date", "4713-01-01 BC", "4713-01-01 BC"),
    ("date", "10000-01-01", "10000-01-01"),
    ("time", "01:02:03.000004", "01:02:03.000004Z"),
    ("timestamp", "2024-02-29 23:59:59.9", "2024-02-29T23:59:59.9Z"),
    ("timestamp", "2024-02-29 23:59:59", "2024-02-29T23:59:59Z"),
    ("timestamp", "-infinity", "-infinity"),
    ("timestamp", "0044-03-15 00:00:00 BC", "0044-03-15 00:00:00 BC"),
    ("timestamptz", "2026-01-02 03:04:05.678901+00", "2026-01-02T03:04:05.678901Z"),
    ("timestamptz", "2026-01-02 03:04:05+00", "2026-01-02T03:04:05Z"),
    ("timestamptz", "0044-03-15 00:00:00+00 BC", "0044-03-15 00:00:00+00 BC"),
    ("other", "1 year -3 days", "1 year -3 days"),
    (array("int32"), "{1,NULL,3}", [1, None, 3]),
    (array("int32"), "{}", []),
    (array("int32"), "{{1,2},{3,4}}", "{{1,2},{3,4}}"),
    (array("int32"), "[0:1]={1,2}", "[0:1]={1,2}"),
    (array("text"), r'{"a\"b","c\\d","NULL",NULL,"x,y","",plain}', ['a"b', "c\\d", "NULL", None, "x,y", "", "plain"]),
    (array("bool"), "{t,f,NULL}", [True, False, None]),
    (array("timestamptz"), '{"2026-01-02 03:04:05+00"}', ["2026-01-02T03:04:05Z"]),
    (array("other"), "{(1;2),(3;4)}", "{(1;2),(3;4)}"),
]


def every_type() -> Table:
    kinds = [ColumnType(kind) if isinstance(kind, str) else kind for kind, _, _ in CELLS]
    return Table("public", "all", tuple(Column(f"c{place}", kind, "") for place, kind in enumerate(kinds)), ())


@pytest.fixture
def workbench(engine: Warehouse) -> Workbench:
    return Workbench(engine)


@pytest.fixture(params=["many", "few"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Many rows are made by the engine, a few one by one."""
    monkeypatch.setattr("tillstream.destinations.kafka.messages.FEW_ROWS", 0 if request.param == "many" else 1 << 20)
    name: str = request.param
    return name


def made(workbench: Workbench, piece: Changes) -> Messages:
    (found,) = messages(piece, workbench, ORIGIN, NOW)
    return found


def values(found: Messages) -> list[dict[str, Any]]:
    return [json.loads(value) for value in found.values]


def test_every_type_is_spelled_as_debezium_does(workbench: Workbench) -> None:
    of = every_type()
    texts: Texts = {f"c{place}": text for place, (_, text, _) in enumerate(CELLS)}

    (envelope,) = values(made(workbench, changes(of, Row(10, "I", texts))))

    assert envelope["after"] == {f"c{place}": value for place, (_, _, value) in enumerate(CELLS)}


def test_null_is_null_whatever_the_type(workbench: Workbench) -> None:
    (envelope,) = values(made(workbench, changes(every_type(), Row(10, "I", {}))))

    assert envelope["after"] == {f"c{place}": None for place in range(len(CELLS))}


def test_numbers_keep_their_digits(workbench: Workbench) -> None:
    of = table("numbers", id="int64", n="float64")

    found = made(workbench, changes(of, Row(10, "I", {"id": "9007199254740993", "n": "0.1"})))

    assert b'"after":{"id":9007199254740993,"n":0.1}' in found.values[0]


def test_the_whole_envelope_is_debeziums(workbench: Workbench) -> None:
    found = made(workbench, changes(ORDERS, Row(10, "I", {"id": "1", "total": "1.50", "note": "n"}, 3)))

    assert found.keys == [b'{"id":1}']
    assert not found.letters
    assert values(found) == [
        {
            "before": None,
            "after": {"id": 1, "total": "1.50", "note": "n"},
            "source": {
                "version": "1.2.3",
                "connector": "postgresql",
                "name": "shop",
                "ts_ms": MICROS // 1000,
                "ts_us": MICROS,
                "snapshot": "false",
                "db": "store db",
                "schema": "public",
                "table": "orders",
                "txId": 7,
                "lsn": 10,
                "ordinal": 3,
            },
            "op": "c",
            "ts_ms": MICROS // 1000 + 1000,
            "ts_us": MICROS + 1_000_000,
            "transaction": None,
        }
    ]


def test_each_operation_has_its_letter_and_its_sides(workbench: Workbench) -> None:
    row: Texts = {"id": "1", "total": "1.50", "note": "n"}
    found = made(
        workbench,
        changes(
            ORDERS, Row(9, "R", row), Row(10, "I", row), Row(11, "U", row), Row(12, "D", {"id": "1"}), Row(13, "T", {})
        ),
    )

    whole, key = {"id": 1, "total": "1.50", "note": "n"}, {"id": 1, "total": None, "note": None}
    sides = [(value["op"], value["before"], value["after"]) for value in values(found)]
    assert sides == [("r", None, whole), ("c", None, whole), ("u", None, whole), ("d", key, None), ("t", None, None)]
    assert [value["source"]["snapshot"] for value in values(found)] == ["true", "false", "false", "false", "false"]
    assert found.keys == [b'{"id":1}'] * 4 + [None]
    assert found.letters == ["R", "I", "U", "D", "T"]


def test_an_old_row_stands_as_a_row_does(workbench: Workbench) -> None:
    old = json.dumps({"id": "1", "total": "1.00", "note": None})
    row: Texts = {"id": "1", "total": "1.50", "note": "n"}
    found = made(
        workbench,
        changes(ORDERS, Row(11, "U", row, before=old), Row(12, "D", {"id": "1"}, before=old), Row(13, "U", row)),
    )

    assert [value["before"] for value in values(found)] == [{"id": 1, "total": "1.00", "note": None}] * 2 + [None]


def test_what_was_left_out_is_said_to_be(workbench: Workbench) -> None:
    left = Row(11, "U", {"id": "1", "total": "1.50"}, unchanged=("note",))
    whole = Row(12, "U", {"id": "1", "total": "1.50", "note": None})

    found = made(workbench, changes(ORDERS, left, whole))

    assert [value["after"]["note"] for value in values(found)] == ["__debezium_unavailable_value", None]


def test_a_row_under_a_new_key_is_a_new_row(workbench: Workbench) -> None:
    found = made(
        workbench,
        changes(
            ORDERS,
            Row(10, "D", {"id": "1"}, 2),
            Row(10, "U", {"id": "2"}, 3),
            Row(11, "D", {"id": "3"}, 2),
            Row(11, "U", {"id": "4"}, 5),
        ),
    )

    assert [value["op"] for value in values(found)] == ["d", "c", "d", "u"]
    assert found.moved == {1}


def test_a_key_has_its_columns_in_key_order(workbench: Workbench) -> None:
    of = table("lines", key=("b", "a"), a="int32", b="text")

    assert made(workbench, changes(of, Row(10, "I", {"a": "1", "b": "x"}))).keys == [b'{"b":"x","a":1}']


def test_a_table_without_a_key_has_messages_without_one(workbench: Workbench) -> None:
    of = table("events", key=(), name="text")

    assert made(workbench, changes(of, Row(10, "I", {"name": "a"}))).keys == [None]
    assert made(workbench, copied(of, b"a\n", 9)).keys == [None]


def test_names_may_be_odd(workbench: Workbench) -> None:
    odd = 'it\'s "a\\b" `{}` ä'
    of = Table(
        "public", "odd", tuple(Column(name, TEXT, "text") for name in (odd, "_till_key_", "value", "key")), (odd,)
    )

    found = made(workbench, changes(of, Row(10, "I", {odd: "1", "_till_key_": "2", "value": "3", "key": "4"})))

    assert [json.loads(key or b"") for key in found.keys] == [{odd: "1"}]
    assert values(found)[0]["after"] == {odd: "1", "_till_key_": "2", "value": "3", "key": "4"}


def test_a_snapshots_rows_are_read_rows_at_the_place_they_were_read(workbench: Workbench) -> None:
    found = made(workbench, copied(ORDERS, b"1\t1.50\ttab\\there\n2\t\\N\t\\\\N\n", 9))

    assert found.keys == [b'{"id":1}', b'{"id":2}']
    assert [value["after"] for value in values(found)] == [
        {"id": 1, "total": "1.50", "note": "tab\there"},
        {"id": 2, "total": None, "note": "\\N"},
    ]
    for value in values(found):
        source = value["source"]
        assert (value["op"], source["snapshot"], source["lsn"], source["ordinal"]) == ("r", "true", 9, 0)
        assert (source["ts_us"], source["txId"]) == (MICROS, None)


def test_snapshot_rows_without_a_key_are_told_apart(workbench: Workbench) -> None:
    found = made(workbench, copied(table("events", key=(), name="text"), b"a\na\na\n", 9, first_ordinal=5))

    assert [value["source"]["ordinal"] for value in values(found)] == [5, 6, 7]


def test_a_row_and_the_delete_of_its_old_key_stay_in_one_slice(workbench: Workbench) -> None:
    of = table("numbers", id="int64")
    rows = [Row(10, "I", {"id": "0"}, 2 * place + 1) for place in range(SLICE_ROWS - 1)]
    rows += [Row(11, "D", {"id": "0"}, 2), Row(11, "U", {"id": "1"}, 3), Row(12, "I", {"id": "2"})]

    first, second = messages(changes(of, *rows), workbench, ORIGIN, NOW)

    assert (len(first.values), first.moved) == (SLICE_ROWS + 1, frozenset({SLICE_ROWS}))
    assert (len(second.values), second.letters) == (1, [])


def test_moments_are_counted_in_whole_microseconds(workbench: Workbench) -> None:
    late = datetime(2199, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

    (found,) = messages(changes(ORDERS, Row(10, "I", {"id": "1"})), workbench, ORIGIN, late)

    assert values(found)[0]["ts_us"] == 7258118399999999


def test_both_ways_make_the_same_bytes(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    every = every_type()
    of = replace(every, columns=(Column("key", TEXT, "text"), *every.columns), key=("key",))
    signs = [chr(code) for code in (*range(1, 0x300), *range(0x2000, 0x2100), 0xFEFF, 0xFFFD, 0x1F40E)]
    rows = [Row(10, "IURD"[place % 4], {"key": f"{sign}\\"}, place) for place, sign in enumerate(signs)]
    texts: Texts = {f"c{place}": text for place, (_, text, _) in enumerate(CELLS)}
    rows += [Row(11, "U", texts | {"key": "k"}, unchanged=("c3",), before=json.dumps(texts)), Row(12, "T", {})]
    answers = []
    for few in (0, 1 << 20):
        monkeypatch.setattr("tillstream.destinations.kafka.messages.FEW_ROWS", few)
        answers.append(made(workbench, changes(of, *rows)))

    for one, other in zip(answers[0].values, answers[1].values, strict=True):
        assert one == other
    assert answers[0] == answers[1]
