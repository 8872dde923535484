"""What capture writes equals, field by field, what Debezium writes of the same rows."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Message

from tests.destinations.captured import Capture, committed, settings_of
from tests.services.connect import Connect, debezium_postgres
from tests.services.kafka import Kafka
from tests.services.postgres import Database
from tests.sources.shop import Shop
from tillstream.change import Batch
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.ledger import Entry, Landing, digest

PREPARATION = (
    "create type mood as enum ('sad', 'it''s \"fine\"')",
    "create domain price as numeric(10, 2) check (value >= 0)",
)
# declared type, and a value of it
TYPES = [
    ("boolean", "true"),
    ("smallint", "-32768"),
    ("integer", "2147483647"),
    ("bigint", "9223372036854775807"),
    ("oid", "4294967295"),
    ("real", "0.1"),
    ("real", "'NaN'"),
    ("double precision", "0.1::float8 + 0.2"),
    ("double precision", "'-Infinity'"),
    ("double precision", "1e300"),
    ("numeric(12,2)", "0.10"),
    ("numeric(12,2)", "-9999999999.99"),
    ("numeric(12,2)", "'NaN'"),
    ("numeric", "0.0000001"),
    ("numeric", "1e30"),
    ("price", "12.50"),
    ("text", r"E'tab\there\nline\r\\ back\\\\slash /'"),
    ("text", "'žluťoučký 🐎 漢字 \u202e'"),
    ("varchar(10)", "''"),
    ("character(5)", "'ab'"),
    ("mood", "'it''s \"fine\"'"),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"),
    ("json", '\'{"a":  [1, null, "\\u00e9"]}\''),
    ("jsonb", '\'{"b": 1.10, "a": "x\\"y"}\''),
    ("bytea", r"'\x00ff5c'"),
    ("bytea", "''"),
    ("date", "'2024-02-29'"),
    ("time", "'01:02:03.000004'"),
    ("time", "'01:02:00'"),
    ("timestamp", "'2024-02-29 23:59:59.9'"),
    ("timestamp", "'2024-02-29 23:59:59'"),
    ("timestamp(3)", "'2024-02-29 23:59:59.1234'"),
    ("timestamptz", "'2024-06-01 12:00:00.678901+05:30'"),
    ("timestamptz", "'2024-06-01 12:00:00.12+05:30'"),
    ("timestamptz", "'2024-06-01 12:00:00+00'"),
    ("integer[]", "'{1,NULL,3}'"),
    ("bigint[]", "'{}'"),
    ("text[]", r"""array['a"b', 'c\d', 'NULL', null, 'x,y', '']"""),
    ("boolean[]", "'{t,f}'"),
    ("double precision[]", "'{0.1,NULL}'"),
    ("numeric(5,1)[]", "'{1.5}'"),
    ("uuid[]", "'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'"),
]
COLUMNS = ", ".join(f"c{place} {declared}" for place, (declared, _) in enumerate(TYPES))
VALUES = ", ".join(value for _, value in TYPES)
DEBEZIUM = {
    "decimal_handling_mode": "string",
    "time_precision_mode": "isostring",
    # It leaves truncates out by itself.
    "skipped_operations": "none",
}


def test_messages_are_debeziums(connect: Connect, kafka: Kafka, database: Database, engine: Warehouse) -> None:
    shop = Shop(database)
    database.run(*PREPARATION, f"create table every (b int, a text, {COLUMNS}, primary key (a, b))")
    database.run(f"insert into every values (1, 'x', {VALUES})", "insert into every values (2, 'y')")
    capture = Capture(settings_of(kafka), engine)
    capture.ledger.last_done("shop")
    take(capture, shop.read(1))
    names = {"slot_name": kafka.prefix, "publication_name": kafka.prefix}
    topic = f"{kafka.prefix}.theirs.public.every"
    config = debezium_postgres(database.url, f"{kafka.prefix}.theirs", **names, **DEBEZIUM)
    with connect.running(kafka.prefix, config):
        kafka.messages(topic, count=2)
        database.run(
            f"insert into every values (3, 'z', {VALUES})",
            "insert into every values (4, 'null')",
            "update every set c2 = 7 where b = 3",
            "update every set b = 5 where b = 3",
            "delete from every where b = 4",
            "alter table every replica identity full",
            "update every set c2 = 8 where b = 5",
            "delete from every where b = 5",
            "truncate every",
        )
        found = kafka.messages(topic, count=14)
    take(capture, shop.read())

    ours = committed(capture.settings, f"{kafka.prefix}.public.every")
    assert told(ours) == told(found)
    assert [_sourced(message) for message in ours] == [_sourced(message) for message in found]


def take(capture: Capture, batches: Sequence[Batch]) -> None:
    """Write the batches as the pump would."""
    for batch in batches:
        number = capture.ledger.last_number("shop") + 1
        entry = Entry("shop", number, batch.after, batch.position, batch.row_counts, digest(batch))
        capture.ledger.intend(entry)
        capture.destination.write(number, batch, entry.token)
        capture.ledger.done(entry, Landing("shop", number, batch.position))


def told(messages: Sequence[Message]) -> list[Any]:
    """Key, operation and both sides of each message, the columns by what they hold."""
    rows = []
    for message in messages:
        key, value = (json.loads(part) if part else None for part in (message.key(), message.value()))
        rows.append((key, value and (value["op"], _named(value["before"]), _named(value["after"]))))
    return rows


def _named(row: dict[str, Any] | None) -> dict[str, Any] | None:
    # Beside a column that differs, the report shall say its type.
    types = {f"c{place}": declared for place, (declared, _) in enumerate(TYPES)}
    return row and {f"{name} {types.get(name, '')}".strip(): _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    """The two spellings that differ: Debezium fills moments up with zeros, and shouts NaN."""
    if value == "NAN":
        return "NaN"
    if isinstance(value, str) and re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{6}Z", value):
        return f"{value.rstrip('Z').rstrip('0').rstrip('.')}Z"
    return value


def _sourced(message: Message) -> Any:
    value = message.value()
    if value is None:
        return None
    source = json.loads(value)["source"]
    return [source["connector"], source["schema"], source["table"], source["snapshot"] != "false"]
