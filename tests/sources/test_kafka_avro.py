"""Messages in Avro, their schemas in a registry."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from tests.sources.reading import plain
from tests.sources.test_kafka_formats import TOPIC, rows_of, told
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.workbench import Workbench
from tillstream.errors import StreamUnreachable
from tillstream.kafka.connection import KafkaSettings
from tillstream.sources.kafka.decode import Decoded, Decoder
from tillstream.sources.kafka.descriptions import Descriptions
from tillstream.sources.kafka.messages import Messages
from tillstream.sources.kafka.registry import Registry
from tillstream.sources.kafka.settings import ReadingSettings

# Each test has a registry of its own: one that is only a name keeps what it was told by the client.
_ROW = {
    "type": "record",
    "name": "Value",
    "namespace": "shop.public.goods",
    "connect.name": "shop.public.goods.Value",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "name", "type": ["null", "string"], "default": None},
        {"name": "sold", "type": "boolean"},
        {"name": "raw", "type": ["null", "bytes"], "default": None},
        {"name": "made", "type": {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"}},
        {"name": "seen", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}
_SOURCE = {
    "type": "record",
    "name": "Source",
    "fields": [
        {"name": "connector", "type": "string"},
        {"name": "schema", "type": "string"},
        {"name": "table", "type": "string"},
        {"name": "lsn", "type": ["null", "long"]},
        {"name": "ts_ms", "type": "long"},
    ],
}
ENVELOPE = {
    "type": "record",
    "name": "Envelope",
    "namespace": "shop.public.goods",
    "fields": [
        {"name": "before", "type": ["null", _ROW], "default": None},
        {"name": "after", "type": ["null", "Value"], "default": None},
        {"name": "source", "type": _SOURCE},
        {"name": "op", "type": "string"},
    ],
}
GOOD: dict[str, Any] = {
    "id": 1,
    "name": "ü",
    "sold": True,
    "raw": b"\xff",
    "made": 1767323045000001,
    "seen": datetime(2026, 1, 2, 3, 4, 5, 670000, UTC),
    "day": date(2026, 1, 2),
    "price": Decimal("12.50"),
    "tags": ["a b"],
}
TEXTS = {
    "id": "1",
    "name": "ü",
    "sold": "t",
    "raw": r"\xff",
    "made": "2026-01-02 03:04:05.000001",
    "seen": "2026-01-02 03:04:05.67+00",
    "day": "2026-01-02",
    "price": "12.50",
    "tags": '{"a b"}',
}
KINDS = ["int64", "text", "bool", "bytes", "timestamp", "timestamptz", "date", "decimal", "array"]


@pytest.fixture
def client() -> SchemaRegistryClient:
    return SchemaRegistryClient.new_client({"url": "mock://registry"})


def written(client: SchemaRegistryClient, schema: object, tree: object) -> bytes:
    write = AvroSerializer(client, json.dumps(schema))
    made = write(tree, SerializationContext(TOPIC, MessageField.VALUE))
    assert isinstance(made, bytes)
    return made


def read(engine: Warehouse, client: SchemaRegistryClient, *values: bytes, key: bytes = b'{"id": 1}') -> Decoded:
    descriptions = Descriptions(KafkaSettings("nowhere", "shop"))
    decoder = Decoder(Workbench(engine), descriptions, ReadingSettings(), Registry(client))
    count = len(values)
    messages = Messages(TOPIC, [0] * count, [*range(count)], [0] * count, [key] * count, [*values], [None] * count)
    messages.moved = [False] * count
    return decoder.decode([messages], {})


def test_envelopes_become_rows_of_the_types_their_schema_says(engine: Warehouse, client: SchemaRegistryClient) -> None:
    source = {"connector": "postgresql", "schema": "public", "table": "goods", "lsn": 77, "ts_ms": 5}
    decoded = read(
        engine, client, written(client, ENVELOPE, {"before": None, "after": GOOD, "source": source, "op": "c"})
    )
    assert decoded.refused == ()
    (row,) = rows_of(decoded)
    assert plain(row) == TEXTS
    assert (row["_till_op"], row["_till_lsn"]) == ("I", 77)
    assert [column.type.kind for column in told(decoded).table.columns] == KINDS
    assert told(decoded).table.column("price").type.scale == 2


def test_rows_without_an_envelope_too(engine: Warehouse, client: SchemaRegistryClient) -> None:
    decoded = read(engine, client, written(client, _ROW, GOOD), written(client, _ROW, GOOD | {"name": None}))
    assert [plain(row) for row in rows_of(decoded)] == [TEXTS, TEXTS | {"name": None}]


def test_a_message_of_no_schema_we_can_find_is_refused(engine: Warehouse, client: SchemaRegistryClient) -> None:
    decoded = read(engine, client, b"\x00\x00\x00\x03\xe7nonsense", written(client, _ROW, GOOD))
    (refused,) = decoded.refused
    assert refused.rule == "schema"
    assert refused.reason == "the registry has no schema 999"
    assert len(rows_of(decoded)) == 1


def test_bytes_that_are_not_what_their_schema_says_are_refused(engine: Warehouse, client: SchemaRegistryClient) -> None:
    good = written(client, _ROW, GOOD)
    (refused,) = read(engine, client, good[:9]).refused
    assert refused.reason == f"it can't be read by schema {int.from_bytes(good[1:5], 'big')}: EOFError"


def test_a_registry_that_does_not_answer_refuses_nothing(engine: Warehouse, client: SchemaRegistryClient) -> None:
    silent = SchemaRegistryClient({"url": "http://127.0.0.1:1", "max.retries": 0})
    with pytest.raises(StreamUnreachable, match="no answer from the schema registry"):
        read(engine, silent, written(client, _ROW, GOOD))


def test_keys_in_avro_name_the_key(engine: Warehouse, client: SchemaRegistryClient) -> None:
    schema = {"type": "record", "name": "Key", "fields": [{"name": "id", "type": "long"}]}
    key = written(client, schema, {"id": 1})
    decoded = read(engine, client, written(client, _ROW, GOOD), key=key)
    assert told(decoded).table.key == ("id",)
