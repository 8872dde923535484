"""Every type of PostgreSQL comes out of a topic as the text that PostgreSQL printed."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from tests.services.connect import Connect, debezium_postgres
from tests.services.kafka import Kafka
from tests.services.postgres import Database
from tests.sources.reading import Mirror, plain, read_until, rows_of
from tests.sources.shop import Shop
from tests.sources.test_postgres_types import PREPARATION, TYPES, columns, values
from tillstream.change import Batch, Changes, Table
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.workbench import Workbench
from tillstream.destinations.kafka.envelope import Origin
from tillstream.destinations.kafka.messages import messages as sent_of
from tillstream.kafka.connection import KafkaSettings
from tillstream.kafka.tables import described, identity
from tillstream.sources.kafka.decode import Decoder
from tillstream.sources.kafka.descriptions import Descriptions
from tillstream.sources.kafka.messages import Messages
from tillstream.sources.kafka.settings import ReadingSettings
from tillstream.sources.kafka.source import KafkaSource
from tillstream.streaming import TopicSettings

SETTINGS = KafkaSettings("nowhere", "shop")
# Debezium has a word for these: not for the ones without a plain value, and not for infinities.
PLAIN_WORDS = (
    "boolean", "smallint", "integer", "bigint", "double precision", "numeric(12,2)", "price", "text", "varchar(10)",
    "mood", "uuid", "json", "bytea", "integer[]",
)  # fmt: skip
PLAIN = [place for place, (word, _, _) in enumerate(TYPES) if word in PLAIN_WORDS]
DECLARED = {"decimal": "decimal(12,2)", "array": "array(int32)"}
LONGEST = max(len(texts) for _, _, texts in TYPES) + 1


class Known(Descriptions):
    """Descriptions that need no cluster."""

    def __init__(self, tables: Iterable[Table]) -> None:
        super().__init__(SETTINGS)
        self._known = {identity(described(table)): table for table in tables}


@pytest.fixture
def shop(database: Database) -> Shop:
    database.run(*PREPARATION, f"create table kinds (id int primary key, {columns()})")
    return Shop(database)


def through_messages(engine: Warehouse, batches: Iterable[Batch]) -> list[Changes]:
    """The changes as capture writes them and a loader reads them, but for the way in between."""
    bench = Workbench(engine)
    every = [changes for batch in batches for changes in batch.changes]
    decoder = Decoder(bench, Known(changes.table for changes in every), ReadingSettings())
    found: list[Changes] = []
    for changes in every:
        sent = Messages(SETTINGS.names.topic(changes.table))
        for piece in sent_of(changes, bench, Origin("shop", "shop", "0"), datetime.now(UTC)):
            for place, (key, value) in enumerate(zip(piece.keys, piece.values, strict=True)):
                sent.partitions.append(0)
                sent.offsets.append(len(sent.offsets))
                sent.times.append(0)
                sent.keys.append(key)
                sent.values.append(value)
                sent.tables.append(identity(described(changes.table)))
                sent.moved.append(place in piece.moved)
        decoded = decoder.decode([sent], {})
        assert decoded.refused == ()
        found += decoded.changes
    return found


def rows_in(all_changes: Iterable[Changes]) -> list[dict[str, Any]]:
    return [row for changes in all_changes if isinstance(changes.rows, pa.Table) for row in changes.rows.to_pylist()]


def test_a_snapshot_comes_out_as_it_went_in(shop: Shop, engine: Warehouse) -> None:
    shop.database.run(*(f"insert into kinds values ({number}, {values(number)})" for number in range(LONGEST)))
    batches = shop.read(1)
    found = rows_in(through_messages(engine, batches))
    assert [plain(row) for row in found] == rows_of(batches)
    assert {row["_till_op"] for row in found} == {"R"}


@pytest.mark.parametrize("identity_of", ["default", "full"])
def test_the_log_comes_out_as_it_went_in_to_the_last_mark(shop: Shop, engine: Warehouse, identity_of: str) -> None:
    shop.database.run(f"alter table kinds replica identity {identity_of}")
    shop.read(1)
    shop.database.run(
        *(f"insert into kinds values ({number}, {values(number)})" for number in range(LONGEST)),
        "update kinds set c0 = false where id < 2",
        "update kinds set id = id + 100 where id = 1",
        "delete from kinds where id = 0",
        "truncate kinds",
    )
    batches = shop.read()
    given = [changes for batch in batches for changes in batch.changes]
    found = through_messages(engine, batches)
    assert rows_in(found) == rows_in(given)
    assert [changes.table for changes in found] == [changes.table for changes in given]


@pytest.fixture
def captured_twice(shop: Shop) -> Shop:
    """A table of plain types that Debezium captures, too."""
    shop.database.run("drop table kinds", f"create table kinds (id int primary key, {plain_columns()})")
    return shop


def plain_columns() -> str:
    return ", ".join(f"c{place} {TYPES[place][0]}" for place in PLAIN)


def plain_values(number: int) -> str:
    chosen = (TYPES[place][2] for place in PLAIN)
    return ", ".join(texts[number] if number < len(texts) else "null" for texts in chosen)


@pytest.mark.parametrize("schemas", ["true", "false"])
def test_what_debezium_captures_is_what_we_capture(
    captured_twice: Shop, connect: Connect, kafka: Kafka, engine: Warehouse, schemas: str
) -> None:
    shop, topic = captured_twice, f"{kafka.prefix}.public.kinds"
    shop.database.run(f"insert into kinds values (1, {plain_values(0)})")
    shop.read(1)
    more = {
        "value_converter_schemas_enable": schemas,
        "key_converter_schemas_enable": schemas,
        "decimal_handling_mode": "precise" if schemas == "true" else "string",
        "time_precision_mode": "adaptive" if schemas == "true" else "isostring",
    }
    config = debezium_postgres(shop.database.url, kafka.prefix, **more)
    declared = {f"c{place}": DECLARED.get(TYPES[place][1].kind, TYPES[place][1].kind) for place in PLAIN}
    reading = ReadingSettings(topics={topic: TopicSettings(columns={} if schemas == "true" else declared)})
    with connect.running(kafka.prefix, config), closing(source_of(kafka, engine, reading)) as source:
        kafka.messages(topic, count=1)
        shop.database.run(
            *(f"insert into kinds values ({number + 1}, {plain_values(number)})" for number in range(1, LONGEST)),
            "update kinds set c0 = false where id = 2",
            "update kinds set id = id + 100 where id = 3",
            "delete from kinds where id = 4",
        )
        # The change of a key is a delete, its tombstone and an insert; a delete has a tombstone, too.
        sent = LONGEST + 1 + 3 + 2
        kafka.messages(topic, count=sent)
        mirror = Mirror().apply(read_until(source, 1 + sent)).rows("public.kinds")
    shop.read()
    # Debezium has no arrays of arrays; and as exact numbers, no word for one that is none.
    lost: dict[str, str | None] = {"{{1,2},{3,4}}": "{NULL,NULL}"}
    if schemas == "true":
        lost["NaN"] = None
    wanted = [
        {name: lost.get(text, text) if text else text for name, text in row.items()}
        for row in shop.mirrored("public.kinds")
    ]
    assert mirror == wanted


@pytest.mark.parametrize("mode", ["adaptive", "isostring"])
def test_times_of_debezium_are_those_of_the_store(
    shop: Shop, connect: Connect, kafka: Kafka, engine: Warehouse, mode: str
) -> None:
    shop.database.run(
        "create table times (id int primary key, d date, t time, s timestamp, z timestamptz, m timestamp(3))",
        "insert into times values (1, '2024-02-29', '01:02:03.000004', '2024-02-29 23:59:59.9', '2024-06-01 12:00+05',"
        " '1969-12-31 23:59:59.25'), (2, '0999-01-01', '23:59:59', '1583-01-01 00:00', '9999-12-31 23:59:59Z', null)",
    )
    shop.read(1)
    more = {"value_converter_schemas_enable": "true", "time_precision_mode": mode, "table_include_list": "public.times"}
    config = debezium_postgres(shop.database.url, kafka.prefix, **more)
    with connect.running(kafka.prefix, config), closing(source_of(kafka, engine, ReadingSettings())) as source:
        kafka.messages(f"{kafka.prefix}.public.times", count=2)
        mirror = Mirror().apply(read_until(source, 1 + 2)).rows("public.times")
    assert mirror == shop.mirrored("public.times")


def source_of(kafka: Kafka, engine: Warehouse, reading: ReadingSettings) -> KafkaSource:
    return KafkaSource(KafkaSettings(kafka.bootstrap, kafka.prefix), Workbench(engine), reading)


def test_a_value_that_was_left_out_stays_so(shop: Shop, engine: Warehouse) -> None:
    shop.database.run(
        "create table notes (id int primary key, mark int, note text, raw bytea)",
        "alter table notes alter note set storage external, alter raw set storage external",
    )
    shop.read(1)
    long = "repeat('x', 9000)"
    shop.database.run(f"insert into notes values (1, 1, {long}, {long}::bytea)", "update notes set mark = 2")
    batches = shop.read()
    found = rows_in(through_messages(engine, batches))
    assert found == rows_of(batches)
    assert found[1]["_till_unchanged"] == ["note", "raw"]
