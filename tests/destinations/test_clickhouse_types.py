"""Every common type arrives exactly; what can't be kept is null in the mirror and in the quarantine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.destinations.rows import Row, batch, changes, copied, table
from tillstream.change import ColumnType
from tillstream.destinations.clickhouse.client import Warehouse, literal
from tillstream.destinations.clickhouse.destination import ClickHouseDestination
from tillstream.destinations.clickhouse.types import fits, mirror_type, parsed, printed

MONEY = ColumnType("decimal", 12, 2)
UNBOUNDED = ColumnType("decimal")
MOST = "9" * 38


def array(kind: str | ColumnType) -> ColumnType:
    return ColumnType("array", element=ColumnType(kind) if isinstance(kind, str) else kind)


KEPT: list[tuple[ColumnType, str, object]] = [
    (ColumnType("bool"), "t", True),
    (ColumnType("bool"), "f", False),
    (ColumnType("int16"), "-32768", -32768),
    (ColumnType("int32"), "2147483647", 2147483647),
    (ColumnType("int64"), "-9223372036854775808", -(2**63)),
    (ColumnType("uint64"), "18446744073709551615", 2**64 - 1),
    (ColumnType("float32"), "0.1", pytest.approx(0.1)),
    (ColumnType("float64"), "1.7976931348623157e+308", 1.7976931348623157e308),
    (ColumnType("float64"), "5e-324", 5e-324),
    (ColumnType("float64"), "-Infinity", float("-inf")),
    (MONEY, "12.30", Decimal("12.30")),
    (MONEY, "-9999999999.99", Decimal("-9999999999.99")),
    (ColumnType("decimal", 9, 6), "0.000001", Decimal("0.000001")),
    (ColumnType("decimal", 38, 10), "0.1000000001", Decimal("0.1000000001")),
    (ColumnType("decimal", 5, -2), "12300", Decimal(12300)),
    (ColumnType("decimal", 3, 5), "0.00123", Decimal("0.00123")),
    (UNBOUNDED, "0.1", Decimal("0.1")),
    (UNBOUNDED, f"{MOST}.{MOST}", Decimal(f"{MOST}.{MOST}")),
    (UNBOUNDED, "0." + "0" * 37 + "1", Decimal("1e-38")),
    (ColumnType("text"), "ä€😀\t\n\\N", "ä€😀\t\n\\N"),
    (ColumnType("text"), "", ""),
    (ColumnType("enum"), "paid", "paid"),
    (ColumnType("json"), '{"a": [1.10, null]}', '{"a": [1.10, null]}'),
    (ColumnType("uuid"), "6ba7b810-9dad-11d1-80b4-00c04fd430c8", UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")),
    (ColumnType("date"), "0001-01-01", date(1, 1, 1)),
    (ColumnType("date"), "9999-12-31", date(9999, 12, 31)),
    (ColumnType("time"), "24:00:00", "24:00:00"),
    (ColumnType("interval"), "1 mon -00:00:01", "1 mon -00:00:01"),
    (ColumnType("timestamp"), "2024-02-29 23:59:59.999999", datetime(2024, 2, 29, 23, 59, 59, 999999)),
    (ColumnType("timestamp"), "1969-12-31 23:59:59.5", datetime(1969, 12, 31, 23, 59, 59, 500000)),
    (ColumnType("timestamptz"), "0001-01-01 00:00:00+00", datetime(1, 1, 1)),
    (ColumnType("timestamptz"), "9999-12-31 23:59:59.999999+00", datetime(9999, 12, 31, 23, 59, 59, 999999)),
    (ColumnType("timestamptz"), "2024-01-01 00:30:00.1+05:30", datetime(2023, 12, 31, 19, 0, 0, 100000)),
    (array("int32"), "{1,NULL,-3}", [1, None, -3]),
    (
        array("text"),
        '{"a,b","c\\"d","e\\\\f",NULL,"NULL","",x y,"{}"}',
        ["a,b", 'c"d', "e\\f", None, "NULL", "", "x y", "{}"],
    ),
    (array(MONEY), "{12.30,NULL}", [Decimal("12.30"), None]),
    (array("timestamptz"), '{"2024-01-01 00:00:00+00"}', [datetime(2024, 1, 1)]),
    (array("text"), "{}", []),
]

REFUSED: list[tuple[ColumnType, str]] = [
    (MONEY, "NaN"),
    (UNBOUNDED, "Infinity"),
    (UNBOUNDED, "9" * 39),
    (UNBOUNDED, "0." + "1" * 39),
    (ColumnType("date"), "infinity"),
    (ColumnType("date"), "0044-03-15 BC"),
    (ColumnType("date"), "10000-01-01"),
    (ColumnType("timestamp"), "-infinity"),
    (ColumnType("timestamptz"), "0044-03-15 10:00:00+00 BC"),
    (ColumnType("timestamptz"), "10000-01-01 00:00:00+00"),
    (ColumnType("int32"), "2147483648"),
    (ColumnType("int64"), "12a"),
    (ColumnType("uuid"), "not one"),
    (ColumnType("bool"), "maybe"),
    (array("int32"), "{{1,2},{3,4}}"),
    (array("int32"), "[0:1]={1,2}"),
    (array("timestamptz"), '{infinity,"2024-01-01 00:00:00+00"}'),
]


@pytest.fixture
def destination(warehouse: Warehouse) -> Iterator[ClickHouseDestination]:
    destination = ClickHouseDestination(warehouse, {}, "store")
    yield destination
    destination.close()


@pytest.mark.parametrize("way", ["stream", "snapshot"])
def test_every_value_that_can_be_kept_is_kept_exactly(
    warehouse: Warehouse, destination: ClickHouseDestination, way: str
) -> None:
    kinds = {f"c{place}": kind for place, (kind, _, _) in enumerate(KEPT)}
    wide = table("wide", ("id",), "public", id="int64", **kinds)
    texts: dict[str, str | None] = {f"c{place}": text for place, (_, text, _) in enumerate(KEPT)}
    if way == "stream":
        piece = changes(wide, Row(10, "I", {"id": "1", **texts}), Row(10, "I", {"id": "2"}, ordinal=3))
    else:
        line = "\t".join(["1", *(_copied(text) for text in texts.values())])
        nulls = "\t".join(["2", *("\\N" for _ in texts)])
        piece = copied(wide, f"{line}\n{nulls}\n".encode(), 10)
    destination.write(1, batch(piece), "token")
    names = ", ".join(kinds)
    found, empty = warehouse.rows(f"select {names} from mirror.wide final order by id")
    assert list(found) == [value for _, _, value in KEPT]
    assert list(empty) == [[] if kind.kind == "array" else None for kind, _, _ in KEPT]
    assert warehouse.value("select count() from till.quarantine") == 0


@pytest.mark.parametrize("way", ["stream", "snapshot"])
def test_every_value_that_can_not_be_kept_is_quarantined(
    warehouse: Warehouse, destination: ClickHouseDestination, way: str
) -> None:
    kinds = {f"c{place}": kind for place, (kind, _) in enumerate(REFUSED)}
    odd = table("odd", ("id",), "public", id="int64", **kinds)
    texts: dict[str, str | None] = {f"c{place}": text for place, (_, text) in enumerate(REFUSED)}
    if way == "stream":
        piece = changes(odd, Row(10, "I", {"id": "1", **texts}))
    else:
        piece = copied(odd, ("\t".join(["1", *(_copied(text) for text in texts.values())]) + "\n").encode(), 10)
    destination.write(7, batch(piece), "token")
    (row,) = warehouse.rows(f"select {', '.join(kinds)} from mirror.odd final")
    assert list(row) == [[] if kind.kind == "array" else None for kind, _ in REFUSED]
    found = warehouse.rows("select column, raw, rule, key, batch, stream, state from till.quarantine final")
    assert sorted(found) == sorted((name, text, "type", "1", 7, "store", "open") for name, text in texts.items())
    bronze = warehouse.rows(f"select {', '.join(kinds)} from bronze.odd")
    assert list(bronze[0]) == list(texts.values())


def test_a_row_whose_key_can_not_be_kept_is_quarantined_and_not_mirrored(
    warehouse: Warehouse, destination: ClickHouseDestination
) -> None:
    days = table("days", key=("day",), day="date", note="text")
    destination.write(1, batch(changes(days, Row(10, "I", {"day": "infinity", "note": "a"}))), "token")
    assert warehouse.value("select count() from mirror.days") == 0
    assert warehouse.rows("select column, raw, rule from till.quarantine") == [("day", "infinity", "key")]


def test_quarantining_again_adds_nothing(warehouse: Warehouse, destination: ClickHouseDestination) -> None:
    days = table("days", id="int64", day="date")
    destination.write(1, batch(changes(days, Row(10, "I", {"id": "1", "day": "infinity"}))), "token")
    destination.replay(1, ["days"])
    assert warehouse.value("select count() from till.quarantine final") == 1


KINDS = st.sampled_from([kind for kind, _, _ in KEPT] + [kind for kind, _ in REFUSED])
ANY_TEXT = st.one_of(
    st.text(max_size=40),
    st.sampled_from([text for _, text, _ in KEPT] + [text for _, text in REFUSED]),
    st.from_regex(r"-?[0-9]{0,45}(\.[0-9]{0,45})?", fullmatch=True),
    st.from_regex(r'\{[a"\\,NULL{}1 ]{0,12}\}', fullmatch=True),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=KINDS, texts=st.lists(ANY_TEXT.filter(lambda text: "\0" not in text), min_size=1, max_size=20))
def test_no_text_makes_reading_throw_and_what_fits_can_be_printed_and_read_again(
    engine: Warehouse, kind: ColumnType, texts: list[str]
) -> None:
    rows = ", ".join(f"({literal(text)})" for text in texts)
    value = f"CAST({parsed('x', kind)}, {literal(mirror_type(kind))})"
    again = f"CAST({parsed('shown', kind)}, {literal(mirror_type(kind))})"
    found = engine.rows(
        f"select x, ifNull({fits('x', kind) or '1'}, 0), toString(value), toString({again})"
        f" from (select x, {value} as value, CAST({printed('value', kind)}, 'Nullable(String)') as shown"
        f" from (select CAST(x, 'Nullable(String)') as x from values('x String', {rows})))"
    )
    for text, fitting, shown, shown_again in found:
        assert shown == shown_again, text
        if not fitting:
            assert shown in (None, "[]")


def _copied(text: str | None) -> str:
    if text is None:
        return "\\N"
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
