"""Messages that a schema registry's serializers wrote: Avro, with the schema's id before it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from tillstream.errors import StreamUnreachable
from tillstream.sources.kafka.fields import Schema, schema_of
from tillstream.sources.kafka.pieces import AvroReader
from tillstream.sources.kafka.settings import ReadingSettings

_ID_BYTES = slice(1, 5)
_NOT_FOUND = 404
_PLAIN = {"int": "int32", "long": "int64"}
# Avro's own names for what Connect calls otherwise; their values come as Python's and are printed as texts.
_LOGICAL = {
    "timestamp-millis": "io.debezium.time.ZonedTimestamp",
    "timestamp-micros": "io.debezium.time.ZonedTimestamp",
    "local-timestamp-millis": "io.debezium.time.IsoTimestamp",
    "local-timestamp-micros": "io.debezium.time.IsoTimestamp",
    "date": "io.debezium.time.IsoDate",
    "time-millis": "io.debezium.time.IsoTime",
    "time-micros": "io.debezium.time.IsoTime",
    "uuid": "io.debezium.data.Uuid",
}


def reader_of(reading: ReadingSettings) -> AvroReader | None:
    """A reader by the settings' registry; None without one."""
    if not reading.registry:
        return None
    return Registry(SchemaRegistryClient.new_client(dict(reading.registry)))


class Registry:
    """Implements `pieces.AvroReader`."""

    def __init__(self, client: SchemaRegistryClient) -> None:
        self._client = client
        self._read = AvroDeserializer(client)
        self._schemas: dict[int, Schema] = {}

    def read(self, topic: str, value: bytes) -> tuple[bytes, Schema]:
        """The message as JSON, and its schema. ValueError when it can't be read."""
        identifier = int.from_bytes(value[_ID_BYTES], "big")
        schema = self._schemas.get(identifier)
        if schema is None:
            schema = self._schemas[identifier] = self._schema(identifier)
        try:
            tree = self._read(value, SerializationContext(topic, MessageField.VALUE))
        except Exception as error:
            # The library and those below it raise whatever they like for bytes that are not what they should be.
            raise ValueError(f"it can't be read by schema {identifier}: {type(error).__name__}") from error
        return json.dumps(tree, default=_text, ensure_ascii=False).encode(), schema

    def _schema(self, identifier: int) -> Schema:
        """The schema of that id. ValueError when there is none; a registry that does not answer heals."""
        try:
            written = self._client.get_schema(identifier).schema_str or "{}"
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND:
                raise ValueError(f"the registry has no schema {identifier}") from error
            raise _unreachable(str(error)) from error
        except Exception as error:
            # What carries the question fails in ways of its own.
            raise _unreachable(f"{type(error).__name__}: {error}") from error
        try:
            return schema_of(_connect(json.loads(written), {}))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"schema {identifier} is not one of Avro records") from error


def _unreachable(said: str) -> StreamUnreachable:
    return StreamUnreachable(
        "no answer from the schema registry",
        detail=said,
        hint="Is it running, and is `[stream] registry` its address? It is tried again.",
    )


def _connect(avro: Any, named: dict[str, Any]) -> dict[str, Any]:
    """An Avro schema as Connect's JSON converter would write it, as far as types go."""
    if isinstance(avro, list):
        kinds = [kind for kind in avro if kind != "null"]
        return _connect(kinds[0], named) if kinds else {"type": "string"}
    if isinstance(avro, str):
        return named.get(avro) or {"type": _PLAIN.get(avro, avro)}
    kind = avro["type"]
    if isinstance(kind, dict | list):
        return _connect(kind, named)
    if kind == "record":
        found: dict[str, Any] = {"type": "struct", "name": avro.get("connect.name", "")}
        for name in (avro["name"], f"{avro.get('namespace', '')}.{avro['name']}"):
            named[name] = found
        found["fields"] = [_connect(member["type"], named) | {"field": member["name"]} for member in avro["fields"]]
        return found
    if kind == "array":
        return {"type": "array", "items": _connect(avro["items"], named)}
    name = avro.get("connect.name", "")
    logical = avro.get("logicalType", "")
    if logical == "decimal":
        return {"type": "string", "name": "decimal", "parameters": _decimal(avro)}
    return {"type": _PLAIN.get(kind, kind), "name": _LOGICAL.get(logical, name)} | _parameters(avro)


def _decimal(avro: Mapping[str, Any]) -> dict[str, str]:
    return {"precision": str(avro.get("precision", "")), "scale": str(avro.get("scale", 0))}


def _parameters(avro: Mapping[str, Any]) -> dict[str, Any]:
    return {"parameters": avro["connect.parameters"]} if "connect.parameters" in avro else {}


def _text(value: object) -> str:
    """Python's values as texts of the forms that `fields` knows."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case Decimal():
            return format(value, "f")
        case datetime():
            return (value.astimezone(UTC) if value.tzinfo else value).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case UUID():
            return str(value)
        case _:
            raise ValueError(f"a value of {type(value).__name__}")
