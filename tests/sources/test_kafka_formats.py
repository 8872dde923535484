"""Messages of others: what rows and texts come of them, by the way they are written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest

from tests.sources.reading import plain
from tests.sources.topics import based
from tillstream.change import Changes
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.workbench import Workbench
from tillstream.errors import ConfigError
from tillstream.kafka.connection import KafkaSettings
from tillstream.kafka.names import UNCHANGED
from tillstream.sources.kafka.decode import Decoded, Decoder
from tillstream.sources.kafka.descriptions import Descriptions
from tillstream.sources.kafka.fields import declared_field
from tillstream.sources.kafka.messages import Messages
from tillstream.sources.kafka.settings import ReadingSettings
from tillstream.streaming import TopicSettings

TOPIC = "shop.public.goods"
Sent = tuple[object, object]


class Reading:
    """Decodes messages as if they came from a topic; remembers what a position would."""

    def __init__(self, engine: Warehouse, settings: TopicSettings | None = None) -> None:
        topics = {TOPIC: settings} if settings else {}
        descriptions = Descriptions(KafkaSettings("nowhere", "shop"))
        self._decoder = Decoder(Workbench(engine), descriptions, ReadingSettings(topics=topics))
        self._tables: Mapping[str, str] = {}
        self._offset = 0

    def read(self, *sent: Sent) -> Decoded:
        messages = Messages(TOPIC)
        for key, value in sent:
            messages.partitions.append(0)
            messages.offsets.append(self._offset)
            messages.times.append(1_000)
            messages.keys.append(_bytes(key))
            messages.values.append(_bytes(value))
            messages.tables.append(None)
            messages.moved.append(False)
            self._offset += 1
        decoded = self._decoder.decode([messages], self._tables)
        self._tables = decoded.tables
        return decoded

    def rows(self, *sent: Sent) -> list[dict[str, Any]]:
        return rows_of(self.read(*sent))


def _bytes(value: object) -> bytes | None:
    return value if value is None or isinstance(value, bytes) else json.dumps(value).encode()


def rows_of(decoded: Decoded) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for changes in decoded.changes:
        assert isinstance(changes.rows, pa.Table)
        found += changes.rows.to_pylist()
    return found


def told(decoded: Decoded) -> Changes:
    (changes,) = decoded.changes
    return changes


def kinds(decoded: Decoded) -> dict[str, str]:
    return {column.name: column.type.kind for column in told(decoded).table.columns}


def envelope(op: str, lsn: int | None, after: object, before: object = None, **source: object) -> dict[str, Any]:
    said = {"connector": "postgresql", "schema": "public", "table": "goods", "lsn": lsn, "txId": 7, "ts_ms": 1234}
    return {"before": before, "after": after, "source": {**said, **source}, "op": op, "ts_ms": 9999}


@pytest.fixture
def reading(engine: Warehouse) -> Reading:
    return Reading(engine)


def test_envelopes_without_a_schema_become_rows_of_inferred_types(reading: Reading) -> None:
    row = {"id": 1, "name": 'a "b"\n', "price": 1.5, "sold": True, "tags": ["x", 1], "about": {"z": 1}, "gone": None}
    decoded = reading.read(({"id": 1}, envelope("c", 100, row)), ({"id": 1}, envelope("d", 200, None, {"id": 1})))
    assert kinds(decoded) == {
        "id": "int64", "name": "text", "price": "decimal", "sold": "bool", "tags": "json", "about": "json",
    }  # fmt: skip
    assert told(decoded).table.key == ("id",)
    first, second = rows_of(decoded)
    assert plain(first) == {
        "id": "1", "name": 'a "b"\n', "price": "1.5", "sold": "t", "tags": '["x",1]', "about": '{"z":1}',
    }  # fmt: skip
    assert (first["_till_op"], first["_till_lsn"], first["_till_ordinal"], first["_till_xid"]) == ("I", 100, 1, 7)
    assert first["_till_committed_at"].timestamp() == 1.234
    assert (second["_till_op"], second["id"], second["name"]) == ("D", "1", None)
    assert decoded.refused == ()


def test_a_snapshot_row_is_older_than_any_change_at_the_same_place(reading: Reading) -> None:
    rows = reading.rows(({"id": 1}, envelope("r", 5, {"id": 1})), ({"id": 1}, envelope("u", 5, {"id": 1})))
    assert [(row["_till_op"], row["_till_ordinal"]) for row in rows] == [("R", 0), ("U", 1)]


def test_tombstones_behind_deletes_say_nothing_new(reading: Reading) -> None:
    rows = reading.rows(
        ({"id": 1}, envelope("c", 1, {"id": 1})), ({"id": 1}, envelope("d", 2, None, {"id": 1})), ({"id": 1}, None)
    )
    assert [row["_till_op"] for row in rows] == ["I", "D"]


def test_what_is_delivered_twice_has_its_first_place_again(reading: Reading) -> None:
    message = ({"id": 1}, envelope("u", 77, {"id": 1, "name": "x"}))
    first, second = reading.rows(message, message)
    assert first == second


def test_rows_without_a_key_are_told_apart_by_their_offsets(reading: Reading) -> None:
    rows = reading.rows(*((None, envelope("c", 5, {"name": "x"})) for _ in range(3)))
    assert [(row["_till_lsn"], row["_till_ordinal"]) for row in rows] == [(1, 0), (2, 0), (3, 0)]


def test_a_value_that_was_left_out_is_named(reading: Reading) -> None:
    (row,) = reading.rows(({"id": 1}, envelope("u", 5, {"id": 1, "about": UNCHANGED})))
    assert (row["about"], row["_till_unchanged"]) == (None, ["about"])


def test_the_old_row_is_kept_where_it_is_whole(reading: Reading) -> None:
    whole, key_only = reading.rows(
        ({"id": 1}, envelope("u", 5, {"id": 1, "name": "b"}, {"id": 1, "name": "a"})),
        ({"id": 1}, envelope("u", 6, {"id": 1, "name": "c"}, {"id": 1})),
    )
    assert json.loads(whole["_till_before"]) == {"id": "1", "name": "a"}
    assert key_only["_till_before"] is None


def test_binlog_places_order_rows_of_mysql(reading: Reading) -> None:
    at = {
        "connector": "mysql",
        "lsn": None,
        "schema": None,
        "db": "shop",
        "file": "binlog.000012",
        "pos": 4000,
        "row": 3,
    }
    decoded = reading.read(({"id": 1}, {**envelope("u", None, {"id": 1}), "source": {**at, "table": "goods"}}))
    (row,) = rows_of(decoded)
    assert (row["_till_lsn"], row["_till_ordinal"]) == (12 << 32 | 4000, 4)
    assert told(decoded).table.full_name == "shop.goods"


def named(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "name": f"io.debezium.{name}", **more}


_SIZE = {"scale": "2", "connect.decimal.precision": "12"}
_DECIMAL = {"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "parameters": _SIZE}
_UUID = "c0ffee00-0000-4000-8000-000000000000"
FIELDS: Sequence[tuple[dict[str, Any], object, str, str]] = [
    (named("int32", "time.Date"), 19000, "date", "2022-01-08"),
    (named("int64", "time.Timestamp"), 1767323045678, "timestamp", "2026-01-02 03:04:05.678"),
    (named("int64", "time.MicroTimestamp"), 1767323045000001, "timestamp", "2026-01-02 03:04:05.000001"),
    (named("int64", "time.NanoTimestamp"), 1767323045670000000, "timestamp", "2026-01-02 03:04:05.67"),
    (named("string", "time.ZonedTimestamp"), "2026-01-02T03:04:05.670Z", "timestamptz", "2026-01-02 03:04:05.67+00"),
    (named("int64", "time.MicroTime"), 45296000000, "time", "12:34:56"),
    (named("int32", "time.Time"), 45296120, "time", "12:34:56.12"),
    (_DECIMAL, "MDk=", "decimal", "123.45"),
    (named("struct", "data.VariableScaleDecimal", fields=[]), {"scale": 3, "value": "/w=="}, "decimal", "-0.001"),
    (named("string", "data.Json"), '{"a": 1}', "json", '{"a": 1}'),
    (named("string", "data.Uuid"), _UUID, "uuid", _UUID),
    (named("string", "data.Enum"), "paid", "enum", "paid"),
    (named("struct", "data.geometry.Point", fields=[]), {"x": 1.5, "y": 2}, "text", '{"x":1.5,"y":2}'),
    (named("bytes", "data.Bits", parameters={"length": "5"}), "Ew==", "other", "10011"),
    ({"type": "bytes"}, based(b"ab"), "bytes", r"\x6162"),
    ({"type": "boolean"}, False, "bool", "f"),
    ({"type": "int16"}, -3, "int16", "-3"),
    ({"type": "double"}, 1e20, "float64", "1e+20"),
    ({"type": "float"}, 0.1, "float32", "0.1"),
    ({"type": "string"}, "ü", "text", "ü"),
    ({"type": "array", "items": {"type": "string"}}, ["a b", None, ""], "array", '{"a b",NULL,""}'),
    ({"type": "array", "items": named("int32", "time.Date")}, [0, 1], "array", "{1970-01-01,1970-01-02}"),
]


@pytest.mark.parametrize("member, value, kind, text", FIELDS, ids=lambda part: str(part)[:40])
def test_a_schema_says_what_values_mean(
    reading: Reading, member: dict[str, Any], value: object, kind: str, text: str
) -> None:
    row = {"type": "struct", "fields": [{"type": "int64", "field": "id"}, {**member, "field": "x", "optional": True}]}
    schema = {
        "type": "struct",
        "fields": [{**row, "field": "before"}, {**row, "field": "after"}, {"type": "string", "field": "op"}],
    }
    messages = [
        {"schema": schema, "payload": envelope("c", 1, {"id": 1, "x": value})},
        {"schema": schema, "payload": envelope("c", 2, {"id": 2, "x": None})},
    ]
    key = {"schema": {"type": "struct"}, "payload": {"id": 1}}
    compact = [json.dumps(message, separators=(",", ":")).encode() for message in messages]
    decoded = reading.read(*((key, message) for message in compact))
    assert decoded.refused == ()
    assert kinds(decoded) == {"id": "int64", "x": kind}
    assert told(decoded).table.key == ("id",)
    assert [row["x"] for row in rows_of(decoded)] == [text, None]


def test_flattened_rows_keep_the_place_they_say(reading: Reading) -> None:
    rows = reading.rows(
        ({"id": 1}, {"id": 1, "name": "a", "__op": "c", "__lsn": 500, "__deleted": "false"}),
        ({"id": 1}, {"id": 1, "name": None, "__op": "d", "__lsn": 600, "__deleted": "true"}),
    )
    assert [(row["_till_op"], row["_till_lsn"]) for row in rows] == [("I", 500), ("D", 600)]
    assert plain(rows[0]) == {"id": "1", "name": "a"}


def test_a_tombstone_among_plain_rows_deletes(engine: Warehouse) -> None:
    reading = Reading(engine, TopicSettings(format="rows"))
    reading.read(({"id": 1}, {"id": 1, "name": "a"}))
    decoded = reading.read(({"id": 1}, None), ({"id": 2}, {"id": 2, "name": "b"}))
    assert sorted((row["_till_op"], row["id"], row["_till_lsn"]) for row in rows_of(decoded)) == [
        ("D", "1", 2),
        ("U", "2", 3),
    ]


def test_a_tombstone_in_a_topic_nothing_is_known_of_says_nothing(reading: Reading) -> None:
    assert reading.rows(({"id": 1}, None)) == []


def test_declared_columns_have_the_declared_types(engine: Warehouse) -> None:
    columns = {"price": "decimal(12,2)", "at": "timestamptz/us", "on": "date", "id": "int32"}
    reading = Reading(engine, TopicSettings(key=("id",), columns=columns, table="sales.items"))
    decoded = reading.read((None, {"id": 1, "price": "1.50", "at": 1767323045000000, "on": "2026-01-02", "more": 1}))
    table = told(decoded).table
    assert (table.full_name, table.key) == ("sales.items", ("id",))
    assert kinds(decoded) == {"price": "decimal", "at": "timestamptz", "on": "date", "id": "int32", "more": "int64"}
    (row,) = rows_of(decoded)
    assert plain(row) == {"price": "1.50", "at": "2026-01-02 03:04:05+00", "on": "2026-01-02", "id": "1", "more": "1"}


def test_a_word_that_is_no_type_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match='column "price" is declared as "money", which is no type') as caught:
        declared_field("price", "money")
    assert "decimal(12,2)" in caught.value.detail


def test_a_column_widens_as_far_as_older_rows_allow(reading: Reading) -> None:
    assert kinds(reading.read(({"id": 1}, {"id": 1, "x": 1})))["x"] == "int64"
    assert kinds(reading.read(({"id": 1}, {"id": 1, "x": 1.5})))["x"] == "decimal"
    assert kinds(reading.read(({"id": 1}, {"id": 1, "x": 2})))["x"] == "decimal"
    decoded = reading.read(({"id": 1}, {"id": 1, "x": "many"}), ({"id": 2}, {"id": 2, "x": 3}))
    assert kinds(decoded)["x"] == "decimal"
    assert [row["id"] for row in rows_of(decoded)] == ["2"]
    (refused,) = decoded.refused
    assert (refused.rule, refused.reason) == ("type", 'column "x" is decimal, and here it is text')


def test_a_column_stays_when_a_batch_lacks_it(reading: Reading) -> None:
    reading.read(({"id": 1}, {"id": 1, "x": 1}))
    decoded = reading.read(({"id": 1}, {"id": 1}))
    assert kinds(decoded) == {"id": "int64", "x": "int64"}
    assert rows_of(decoded)[0]["x"] is None


BROKEN: Sequence[tuple[object, str, str]] = [
    (b"nonsense", "json", "it is not JSON: Expecting value: line 1 column 1 (char 0)"),
    (b'{"id": 1', "json", "it is not JSON: Expecting ',' delimiter: line 1 column 9 (char 8)"),
    (b"\xff\xfe", "json", "it is not UTF-8"),
    (b"[1, 2]", "format", "it is a JSON array, not an object"),
    (b"", "json", "it is not JSON: Expecting value: line 1 column 1 (char 0)"),
    (b'{"schema":{"type":"struct"}}', "schema", "it has a schema and no payload"),
    (envelope("x", 5, {"id": 1}), "envelope", "its op is none that is known"),
    (envelope("u", None, {"id": 1}), "envelope", "its source does not say where it stands: no lsn"),
    ({"name": "x"}, "key", "the row has no id"),
]


@pytest.mark.parametrize("value, rule, reason", BROKEN, ids=lambda part: str(part)[:30])
def test_a_message_that_can_not_be_read_is_refused_and_the_others_are_not(
    reading: Reading, value: object, rule: str, reason: str
) -> None:
    is_envelope = rule == "envelope"
    good = envelope("c", 1, {"id": 1}) if is_envelope else {"id": 1}
    decoded = reading.read(({"id": 1}, good), ({"id": 9}, value), ({"id": 1}, good))
    (refused,) = decoded.refused
    assert (refused.origin, refused.position) == (TOPIC, "0:1")
    assert (refused.rule, refused.reason) == (rule, reason)
    assert refused.raw == _bytes(value)
    assert len(rows_of(decoded)) == 2
