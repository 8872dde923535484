"""Every type of PostgreSQL arrives as the same text from the snapshot and from the log."""

from __future__ import annotations

import pytest

from tests.services.postgres import Database
from tests.sources.reading import plain, rows_of
from tests.sources.shop import Shop
from tillstream.change import ColumnType

PREPARATION = (
    "create type mood as enum ('sad', 'ok', 'it''s \"fine\"')",
    "create type pair as (a int, b text)",
    "create domain price as numeric(10, 2) check (value >= 0)",
    "create domain dear as price check (value > 100)",
    "create domain label as text",
)
# declared type, its shared word, and values as SQL expressions
TYPES: list[tuple[str, ColumnType, list[str]]] = [
    ("boolean", ColumnType("bool"), ["true", "false"]),
    ("smallint", ColumnType("int16"), ["-32768", "32767"]),
    ("integer", ColumnType("int32"), ["-2147483648", "0"]),
    ("bigint", ColumnType("int64"), ["-9223372036854775808", "9223372036854775807"]),
    ("oid", ColumnType("int64"), ["4294967295"]),
    ("real", ColumnType("float32"), ["0.1", "'NaN'", "'-Infinity'", "1e-40"]),
    ("double precision", ColumnType("float64"), ["0.1::float8 + 0.2", "'Infinity'", "-0.0", "5e-324"]),
    ("numeric(12,2)", ColumnType("decimal", 12, 2), ["0.10", "-9999999999.99", "'NaN'"]),
    ("numeric(5,-2)", ColumnType("decimal", 5, -2), ["1234567"]),
    ("numeric", ColumnType("decimal"), ["1e100", "0.000000000000000000000000000000001", "'Infinity'"]),
    ("price", ColumnType("decimal", 10, 2), ["12.50"]),
    ("dear", ColumnType("decimal", 10, 2), ["112.50"]),
    ("label", ColumnType("text"), ["'l'"]),
    (
        "text",
        ColumnType("text"),
        [
            "''",
            "'NULL'",
            r"'\N'",
            r"E'tab\there\nline\r\\ back\\\\slash'",
            "'žluťoučký 🐎 漢字 \u202e'",
            r"E'\x01\x7f\x0b'",
        ],
    ),
    ("varchar(10)", ColumnType("text"), ["'ten chars.'"]),
    ("character(5)", ColumnType("text"), ["'ab'"]),
    ('"char"', ColumnType("text"), ["'x'"]),
    ("name", ColumnType("text"), ["'n'"]),
    ("mood", ColumnType("enum"), ["'it''s \"fine\"'"]),
    ("uuid", ColumnType("uuid"), ["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"]),
    ("json", ColumnType("json"), ['\'{"a":  [1, null, "\\u00e9"]}\'']),
    ("jsonb", ColumnType("json"), ['\'{"b": 1.10, "a": "x\\"y"}\'']),
    ("bytea", ColumnType("bytes"), [r"'\x00ff5c'", "''"]),
    ("date", ColumnType("date"), ["'2024-02-29'", "'infinity'", "'4713-01-01 BC'"]),
    ("time", ColumnType("time"), ["'24:00:00'", "'01:02:03.000004'"]),
    ("timestamp", ColumnType("timestamp"), ["'2024-02-29 23:59:59.999999'", "'-infinity'"]),
    ("timestamptz", ColumnType("timestamptz"), ["'2024-06-01 12:00:00+05:30'", "'infinity'", "'0044-03-15 BC'"]),
    ("timestamp(0)", ColumnType("timestamp"), ["'2024-02-29 23:59:59.4'"]),
    ("interval", ColumnType("other"), ["'1 year 2 mons -3 days 04:05:06.789'"]),
    ("money", ColumnType("other"), ["'12.34'"]),
    ("inet", ColumnType("other"), ["'10.0.0.1/8'"]),
    ("int4range", ColumnType("other"), ["'[1,5)'", "'empty'"]),
    ("point", ColumnType("other"), ["'(0.1,2)'"]),
    ("pair", ColumnType("other"), ["(1, 'a \"b\"')::pair"]),
    ("tsvector", ColumnType("other"), ["'a b'"]),
    ("bit varying", ColumnType("other"), ["'101'"]),
    ("integer[]", ColumnType("array", element=ColumnType("int32")), ["'{1,NULL,3}'", "'{{1,2},{3,4}}'", "'{}'"]),
    ("text[]", ColumnType("array", element=ColumnType("text")), [r"""array['a"b', 'c\d', 'NULL', null, 'x,y', '']"""]),
    ("numeric(5,1)[]", ColumnType("array", element=ColumnType("decimal", 5, 1)), ["'{1.5}'"]),
    ("mood[]", ColumnType("array", element=ColumnType("enum")), ["'{sad,ok}'"]),
]


@pytest.fixture
def shop(database: Database) -> Shop:
    database.run(*PREPARATION)
    # What the database's defaults are must not matter.
    name = database.connection.info.dbname
    for setting in ("datestyle = 'SQL, DMY'", "timezone = 'Asia/Kolkata'", "bytea_output = 'escape'"):
        database.run(f"alter database {name} set {setting}")
    for setting in ("extra_float_digits = 0", "intervalstyle = 'sql_standard'"):
        database.run(f"alter database {name} set {setting}")
    return Shop(database)


def columns() -> str:
    return ", ".join(f"c{place} {declared}" for place, (declared, _, _) in enumerate(TYPES))


def values(number: int) -> str:
    """One value of each type; null once they are used up."""
    return ", ".join(texts[number] if number < len(texts) else "null" for _, _, texts in TYPES)


def test_snapshot_and_log_print_every_value_alike(shop: Shop) -> None:
    longest = max(len(texts) for _, _, texts in TYPES) + 1
    rows = [f"({number}, {values(number)})" for number in range(longest)]
    shop.database.run(f"create table early (id int primary key, {columns()})")
    shop.database.run(f"create table late (id int primary key, {columns()})")
    for row in rows:
        shop.database.run(f"insert into early values {row}")
    snapshot = rows_of(shop.read(1), "public.early")
    for row in rows:
        shop.database.run(f"insert into late values {row}")
    log = [plain(row) for row in shop.rows("public.late")]
    assert log == snapshot
    assert len(log) == longest
    assert log[-1] == {"id": str(longest - 1), **{f"c{place}": None for place in range(len(TYPES))}}


def test_values_have_their_plain_spelling(shop: Shop) -> None:
    shop.database.run(
        f"create table plain (id int primary key, {columns()})", f"insert into plain values (1, {values(0)})"
    )
    (row,) = rows_of(shop.read(1), "public.plain")
    by_type = {declared: row[f"c{place}"] for place, (declared, _, _) in enumerate(TYPES)}
    assert by_type["boolean"] == "t"
    assert by_type["numeric(12,2)"] == "0.10"
    assert by_type["real"] == "0.1"
    assert by_type["double precision"] == "0.30000000000000004"
    assert by_type["text"] == ""
    assert by_type["bytea"] == "\\x00ff5c"
    assert by_type["timestamptz"] == "2024-06-01 06:30:00+00"
    assert by_type["uuid"] == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"


def test_every_type_has_its_word_in_the_catalog_and_in_the_log(shop: Shop) -> None:
    shop.database.run(f"create table words (id int primary key, {columns()})")
    with shop.source() as source:
        (table,) = source.tables()
    assert [column.type for column in table.columns[1:]] == [word for _, word, _ in TYPES]
    shop.read(1)
    shop.database.run(f"insert into words values (1, {values(0)})")
    (changes,) = [changes for batch in shop.read() for changes in batch.changes]
    assert changes.table == table


def test_generated_columns_are_left_out(shop: Shop) -> None:
    shop.database.run(
        "create table lines (id int primary key, n int, twice int generated always as (n * 2) stored)",
        "insert into lines values (1, 2)",
    )
    shop.read(1)
    shop.database.run("insert into lines values (2, 3)")
    assert [plain(row) for row in shop.rows()] == [{"id": "2", "n": "3"}]
    assert shop.mirrored("public.lines") == [{"id": "1", "n": "2"}, {"id": "2", "n": "3"}]


def test_identity_columns_and_odd_names_are_ordinary(shop: Shop) -> None:
    shop.database.run(
        'create table "Odd ""Table"" é" ("Id of" int generated always as identity primary key, "sélect" text)',
        'insert into "Odd ""Table"" é" ("sélect") values (\'a\')',
    )
    shop.read(1)
    shop.database.run('insert into "Odd ""Table"" é" ("sélect") values (\'b\')')
    shop.read()
    assert shop.mirrored('public.Odd "Table" é') == [{"Id of": "1", "sélect": "a"}, {"Id of": "2", "sélect": "b"}]
