"""Source and mirror, value by value: equal when they are, different when one was tampered with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from tillstream.change import Batch, Changes, Column, ColumnType, Position, Table, TabSeparated
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.destination import ClickHouseDestination
from tillstream.quality import mirrors
from tillstream.quality.moment import Moment, clone, connected
from tillstream.quality.report import Comparison
from tillstream.simulate.server import EmbeddedPostgres

KINDS = {
    "id": ("bigint", ColumnType("int64")),
    "small": ("smallint", ColumnType("int16")),
    "flag": ("boolean", ColumnType("bool")),
    "price": ("numeric(12,2)", ColumnType("decimal", 12, 2)),
    "wide": ("numeric(60,20)", ColumnType("decimal", 60, 20)),
    "unbounded": ("numeric", ColumnType("decimal")),
    "single": ("real", ColumnType("float32")),
    "double": ("double precision", ColumnType("float64")),
    "note": ("text", ColumnType("text")),
    "mark": ("uuid", ColumnType("uuid")),
    "document": ("jsonb", ColumnType("json")),
    "raw": ("bytea", ColumnType("bytes")),
    "day": ("date", ColumnType("date")),
    "local": ("timestamp", ColumnType("timestamp")),
    "at": ("timestamptz", ColumnType("timestamptz")),
    "words": ("text[]", ColumnType("array", element=ColumnType("text"))),
    "numbers": ("integer[]", ColumnType("array", element=ColumnType("int32"))),
    "padded": ("character(5)", ColumnType("text")),
    "address": ("inet", ColumnType("other")),
    "network": ("cidr", ColumnType("other")),
}

FULL = (
    "1, -7, true, 12.30, 1234567890123456789012345678901234567890.5, 0.10, 1.5e-7, 0.1, E'a\\tb\\nc\\\\ déjà 🛒', "
    "'7f1c0a52-9f0e-4c51-8a2b-1f4d5c9e0b11', '{\"a\": [1, null]}', '\\x00ff10', '1969-12-31', "
    "'2026-11-21 10:11:12.5', '1999-01-01 00:00:00.000001+02', '{\"a b\",null,\"c\\\"d\"}', '{1,null,-3}', "
    "'ab', '10.0.0.1', '10.0.0.0/8'"
)
EMPTY = "2" + ", null" * (len(KINDS) - 1)
ZERO = (
    "3, 0, false, 0, 0, 0, 0, -0.0, '', '00000000-0000-0000-0000-000000000000', '{}', '', '1970-01-01', "
    "'1970-01-01 00:00:00', '1970-01-01 00:00:00+00', '{}', '{}', "
    "'', '::1/64', '0.0.0.0/0'"
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedPostgres(Path(tmp_path_factory.mktemp("store")), {"fsync": "off"}) as server:
        yield server.url


@pytest.fixture
def session(store: str) -> Iterator[psycopg.Connection]:
    with connected(store) as connection:
        columns = ", ".join(f"{name} {declared}" for name, (declared, _) in KINDS.items())
        connection.execute(f"drop table if exists thing; create table thing ({columns}, primary key (id))")
        connection.execute("set extra_float_digits = 1")
        yield connection


THING = Table("public", "thing", tuple(Column(name, kind, sql) for name, (sql, kind) in KINDS.items()), ("id",))


def mirrored(session: psycopg.Connection, warehouse: Warehouse, table: Table) -> None:
    """Copy the table as a snapshot does."""
    with session.cursor().copy(f"copy {table.full_name} to stdout") as rows:
        data = b"".join(bytes(piece) for piece in rows)
    piece = TabSeparated(data, data.count(b"\n"), 100, datetime.now(UTC))
    ClickHouseDestination(warehouse, {}).write(1, Batch(None, Position(0, 1), (Changes(table, piece),)), "token")


def compared(session: psycopg.Connection, warehouse: Warehouse, table: Table = THING) -> Comparison:
    for database in ("facts", "live"):
        warehouse.execute(f"create database if not exists {database}")
    clone(warehouse)
    return mirrors.compare(Moment(101, session, 0.0), warehouse, table)[0]


def test_every_type_compares_equal_with_its_mirror(session: psycopg.Connection, warehouse: Warehouse) -> None:
    session.execute(f"insert into thing values ({FULL}), ({EMPTY}), ({ZERO})")
    mirrored(session, warehouse, THING)

    result = compared(session, warehouse)

    assert result.differences == []
    assert (result.exact, result.row_count) == (True, 3)


def test_a_table_without_a_mirror_is_exact_as_long_as_it_is_empty(
    session: psycopg.Connection, warehouse: Warehouse
) -> None:
    warehouse.execute("create database if not exists mirror")
    assert compared(session, warehouse).exact
    session.execute("insert into thing (id) values (1), (2)")
    result = compared(session, warehouse)
    assert (result.different_rows, result.differences[0].found) == (2, "no such table")


def test_values_beyond_the_mirror_differ_and_break_nothing(session: psycopg.Connection, warehouse: Warehouse) -> None:
    beyond = {
        "unbounded": ["NaN", "Infinity", "-Infinity", "1e300"],
        "day": ["infinity", "0044-03-15 BC", "5874897-12-31"],
        "local": ["-infinity", "294276-01-01", "4713-01-01 BC"],
        "at": ["infinity", "294276-01-01 00:00:00+00", "0001-01-01 00:00:00+00 BC"],
    }
    values = [(column, value) for column, values in beyond.items() for value in values]
    for number, (column, value) in enumerate(values, start=1):
        session.execute(f"insert into thing (id, {column}) values ({number}, '{value}')")
    mirrored(session, warehouse, THING)

    result = compared(session, warehouse)

    assert {(each.key, each.column, each.found) for each in result.differences} == {
        (f"id = {number}", column, "null") for number, (column, _) in enumerate(values, start=1)
    }
    assert warehouse.value("select count() from till.quarantine final") == len(values)


@pytest.mark.parametrize("column", [name for name in KINDS if name != "id"])
def test_one_changed_value_is_named_with_both_sides(
    session: psycopg.Connection, warehouse: Warehouse, column: str
) -> None:
    session.execute(f"insert into thing values ({FULL}), ({EMPTY}), ({ZERO})")
    mirrored(session, warehouse, THING)
    session.execute(f"update thing set {column} = (select {column} from thing where id = 3) where id = 1")

    result = compared(session, warehouse)

    assert [(each.key, each.column) for each in result.differences] == [("id = 1", column)]
    assert result.differences[0].expected != result.differences[0].found


def test_missing_and_surplus_rows_are_found_in_their_range(session: psycopg.Connection, warehouse: Warehouse) -> None:
    session.execute("insert into thing (id, note) select n, 'row ' || n from generate_series(1, 20000) as n")
    mirrored(session, warehouse, THING)
    session.execute("delete from thing where id = 19999")
    session.execute("insert into thing (id) values (20001)")

    result = compared(session, warehouse)

    assert [(each.key, each.expected, each.found) for each in result.differences] == [
        ("id = 19999", None, "a row"),
        ("id = 20001", "a row", None),
    ]
    assert result.range_count > 1
    assert "id " in result.differences[0].range


def test_a_table_without_a_key_counts_equal_rows(session: psycopg.Connection, warehouse: Warehouse) -> None:
    session.execute("drop table if exists log; create table log (line text)")
    session.execute("insert into log values ('a'), ('a'), ('b')")
    log = Table("public", "log", (Column("line", ColumnType("text"), "text"),), ())
    mirrored(session, warehouse, log)
    assert compared(session, warehouse, log).exact

    session.execute("insert into log values ('a')")

    assert not compared(session, warehouse, log).exact
